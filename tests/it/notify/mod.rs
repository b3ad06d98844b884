//! Digests: contents, limits, receivers and rendered text.

mod digest;
mod digest_properties;
mod golden;
mod situations;

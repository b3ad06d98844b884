//! Digests: contents, limits, receivers and rendered text.

mod digest;
pub mod digest_properties;
mod first_look;
mod golden;
mod requested;
mod situations;

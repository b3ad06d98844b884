//! What people and programs are notified of, and its wording.

mod digest;
mod digest_properties;
mod golden;

//! Input: the settings and the event, and the run plan that is derived from them.

pub mod event;
pub mod plan;
pub mod settings;

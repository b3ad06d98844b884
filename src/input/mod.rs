//! Input: the settings and the event, and the run plan that is derived from them.

pub mod event;
mod event_values;
mod invalid_event;
mod mute_request;
mod mute_values;
pub mod plan;
pub mod settings;
mod task;

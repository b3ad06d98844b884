//! What a run is asked to do: the event and the settings, and the plan that they make.

pub mod event;
pub mod plan;
pub mod settings;

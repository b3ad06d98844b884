//! The repository held to its own rules.

mod alarms;
mod architecture;
mod readme;
pub mod sam_template;

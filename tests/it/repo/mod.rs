//! Checks of the repository: the module structure, the SAM template, the alarms and the README.

mod alarms;
mod architecture;
mod readme;
pub mod sam_template;

//! Checks of the repository: the module structure, the SAM template, the alarms, the version, the
//! schemas, the nightly job, the README and the links of the documents.

mod alarms;
mod architecture;
mod files;
mod install_docs;
mod links;
mod nightly;
mod readme;
pub mod sam_template;
mod schemas;
mod version;

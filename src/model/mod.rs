//! Domain model: the data types that all other modules share.
//!
//! Everything here is plain data without I/O. Keys have a total order, so equal input produces
//! equal output.

mod account;
mod api_error;
mod deployment;
mod error_chain;
mod globs;
mod ids;
mod interned;
mod keys;
mod message;
mod policy;
mod scope;
mod status;
mod target;
mod totals;
mod watched;

pub use account::Account;
pub use api_error::ApiError;
pub use deployment::{Deployment, FunctionId};
pub use error_chain::display_chain;
pub use globs::PackGlobs;
pub use ids::{AccountId, AwsText, PackName, Region, RunId, Status, TopicArn};
pub use keys::{FailureKey, GapKey, PackKey, Source};
pub use message::{Attribute, SIZE_LIMIT, SnsMessage};
pub use policy::NotificationPolicy;
pub use scope::Scope;
pub use status::{MAX_TEXT_CHARS, Resolution, StatusKind, StatusRecord, truncate};
pub use target::{Identity, RoleArn, SourceTarget};
pub use totals::RunTotals;
pub use watched::Watched;

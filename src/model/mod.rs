//! Domain model: the data types that all other modules share.
//!
//! Everything here is plain data without I/O. Keys have a total order, so equal input produces
//! equal output.

mod account;
mod api_error;
mod bus_event;
mod capped_text;
mod deployment;
mod encryption;
mod error_chain;
mod event_bus;
mod globs;
mod group_id;
mod ids;
mod interned;
mod keys;
mod message;
mod message_skeleton;
mod mute;
mod policy;
mod schema;
mod scope;
mod status;
mod target;
mod totals;
mod warning;
mod watched;

pub use account::Account;
pub use api_error::{ApiError, NO_CREDENTIALS, REJECTED_CREDENTIALS, is_credential_error};
pub use bus_event::{BusEvent, BusEventType, EVENT_SOURCE, MAX_EVENTS_IN_CALL, MAX_EVENTS_SIZE};
pub use capped_text::{MAX_TEXT_CHARS, cap_text, shorten_for_ledger, shorten_to_ends};
pub use deployment::{Deployment, FunctionId};
pub use encryption::ObjectEncryption;
pub use error_chain::display_chain;
pub use event_bus::EventBus;
pub use globs::Globs;
pub use group_id::{GroupId, InvalidGroupId};
pub use ids::{AccountId, AwsText, PackName, ReceiverArn, Region, RunId, Status};
pub use interned::drop_unused_strings;
pub use keys::{FailureKey, GapKey, PackKey, Source};
pub use message::{Attribute, SIZE_LIMIT, SnsMessage};
pub use message_skeleton::{MessagePart, message_parts};
pub use mute::{Mute, MuteEnd, MuteMatcher};
pub use policy::NotificationPolicy;
pub use schema::{schema_of, schema_of_input};
pub use scope::Scope;
pub use status::{Resolution, StatusKind, StatusRecord};
pub use target::{Identity, RoleArn, SourceTarget};
pub use totals::RunTotals;
pub use warning::{Warning, WarningCode};
pub use watched::Watched;

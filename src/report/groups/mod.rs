//! Groups: failures with the same cause and the same event, over all packs, regions and callers.
//!
//! They are computed once, and shared by everything that shows failures to people or programs.
//!
//! | file | content |
//! | --- | --- |
//! | `member`, `group` | one failure, and a group of them |
//! | `build` | how members become groups, and their order |
//! | `common_message` | the message of a group, with placeholders where its members differ |
//! | `cause` | title and action of a cause |

mod build;
mod cause;
mod common_message;
mod group;
mod member;

pub use build::{Grouped, Omitted, group_members};
pub use cause::GroupCause;
pub use group::{AccountView, Example, Group};
pub use member::{GroupEvent, Member};

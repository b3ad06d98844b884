//! `packwatch status`: what fails right now, from the newest snapshot, without a call to AWS
//! Config.
//!
//! | file | content |
//! | --- | --- |
//! | `location` | where the snapshot is |
//! | `snapshot` | the parts of a snapshot that are shown |
//! | `current`, `gaps`, `rows` | the current state, grouped |
//! | `by_cause`, `by_account`, `by_pack` | the failures, as text and as JSON |
//! | `text` | the whole text |
//! | `entry`, `table` | lines |

mod by_account;
mod by_cause;
mod by_pack;
mod current;
mod entry;
mod gaps;
mod location;
mod rows;
mod snapshot;
mod table;
mod text;

use clap::ValueEnum;
use jiff::Timestamp;
use packwatch::ports::Clock;
use packwatch::report::SCHEMA_VERSION;
use packwatch::system::SystemClock;
use serde_json::{Value, json};

use crate::args::StatusArgs;
use crate::error::CliError;
use crate::terminal;

use current::Current;
use location::Location;
use snapshot::Snapshot;

pub(crate) use gaps::place;

/// How failures are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// By cause, with what to do
    Cause,
    /// By member account
    Account,
    /// By pack and region
    Pack,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Cause => "cause",
            Self::Account => "account",
            Self::Pack => "pack",
        }
    }
}

/// Prints what fails, and returns whether the snapshot is complete.
pub(crate) async fn status(args: &StatusArgs) -> Result<bool, CliError> {
    let location = Location::of(args)?;
    let bytes = location.read(args.profile.as_deref()).await?;
    let current = Current::new(Snapshot::parse(&bytes, &location.name())?);
    let now = SystemClock.now();
    let output = if args.json {
        serde_json::to_string_pretty(&document(&current, args.by, now))?
    } else {
        text::text(&current, args.by, now, terminal::output_width())
    };
    terminal::print(&output)?;
    Ok(current.is_complete())
}

/// Returns the document for programs.
fn document(current: &Current, by: By, now: Timestamp) -> Value {
    let groups = match by {
        By::Cause => by_cause::json(current),
        By::Account => by_account::json(current),
        By::Pack => by_pack::json(current),
    };
    let snapshot = &current.snapshot;
    let empty = snapshot.empty_sources.iter();
    json!({
        "schema_version": SCHEMA_VERSION,
        "run_id": snapshot.run.id,
        "sequence": snapshot.run.sequence,
        "as_of": snapshot.run.finished_at,
        "age_seconds": now.duration_since(snapshot.run.finished_at).as_secs().max(0),
        "complete": snapshot.run.complete,
        "totals": snapshot.totals,
        "by": by.name(),
        "groups": groups,
        "gaps": snapshot.gaps,
        "unconfirmed": snapshot.unconfirmed,
        "empty_sources": empty.filter(|record| record.is_empty()).collect::<Vec<_>>(),
        "next_mute_end": current.next_mute_end(),
    })
}

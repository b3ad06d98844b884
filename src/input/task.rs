//! The task of an invocation: a run, or another request.

use crate::model::Mute;

/// What an invocation does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// A run.
    Run,
    /// Makes the function the owner of the ledger.
    AdoptLedger,
    /// Changes or lists the mutes.
    Mutes(MutesTask),
    /// Checks the setup.
    Check,
    /// Sends a test notification.
    Test,
}

/// What an invocation does with the mutes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MutesTask {
    /// Adds a mute.
    Add(Box<Mute>),
    /// Removes the mute with this id.
    Remove(String),
    /// Lists the mutes.
    List,
}

impl Task {
    /// Returns the key of the event if it adds or removes a mute. No other task changes the ledger
    /// in a dry run: only a deployed function adopts one.
    pub fn key_of_change(&self) -> Option<&'static str> {
        match self {
            Self::Mutes(MutesTask::Add(_)) => Some("mute"),
            Self::Mutes(MutesTask::Remove(_)) => Some("unmute"),
            Self::Mutes(MutesTask::List)
            | Self::AdoptLedger
            | Self::Run
            | Self::Check
            | Self::Test => None,
        }
    }
}

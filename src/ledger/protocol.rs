//! The steps of the commit protocol, as pure functions on the ledger: whose turn it is, who may
//! send, what was sent.
//!
//! The pipeline stores a changed ledger only over the version that it read, so each of these
//! happens whole or not at all.

use jiff::{SignedDuration, Timestamp};

use super::{Head, Ledger, Owner, Reading, RecentRun};
use crate::model::TopicArn;
use crate::scope::Scope;

/// What a ledger that was just recalled means for an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Its observation is newer than all that is committed.
    Commit,
    /// This execution has committed, though it had no answer.
    Landed(RecentRun),
    /// Another execution has committed this run id: only what is left is to be sent.
    Resume(RecentRun),
    /// A reading that ended after ours began was committed first.
    TooOld {
        /// Whether it looked at everything that ours looks at.
        covered: bool,
    },
}

/// What became of a head that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// SNS took it.
    Published,
    /// SNS did not take it, or nobody knows.
    Failed,
}

/// A clock that is this far ahead of ours is wrong, and what it says is not waited for.
const CLOCKS_MAY_DIFFER: SignedDuration = SignedDuration::from_mins(15);
/// The [longest time](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html) that
/// Lambda gives an invocation.
const LONGEST_INVOCATION: SignedDuration = SignedDuration::from_mins(15);

impl Ledger {
    /// Whose turn it is. `reading_started` is the start of the reading that is to be committed.
    pub fn turn(
        &self,
        run_id: &str,
        execution: &str,
        reading_started: Timestamp,
        scope: &Scope,
        now: Timestamp,
    ) -> Turn {
        if let Some(run) = self.runs.iter().find(|run| run.run_id == run_id) {
            let turn = if run.execution == execution {
                Turn::Landed
            } else {
                Turn::Resume
            };
            return turn(run.clone());
        }
        match self.newer_reading(reading_started, now) {
            Some(reading) => Turn::TooOld {
                covered: reading.scope.contains(scope),
            },
            None => Turn::Commit,
        }
    }

    /// The last committed reading, if it ended after one that began at `reading_started`.
    pub fn newer_reading(&self, reading_started: Timestamp, now: Timestamp) -> Option<&Reading> {
        let newer = |reading: &&Reading| {
            reading.until > reading_started && reading.until <= now + CLOCKS_MAY_DIFFER
        };
        self.reading.as_ref().filter(newer)
    }

    /// Takes the heads of `topics` that nobody owns, whose owner's time is over, or whose owner's
    /// clock was so wrong that a digest would wait for the end of a time that nobody has.
    pub fn claim<'a>(
        &mut self,
        topics: impl IntoIterator<Item = &'a TopicArn>,
        execution: &str,
        until: Timestamp,
        now: Timestamp,
    ) {
        let honest = now..=now + LONGEST_INVOCATION + CLOCKS_MAY_DIFFER;
        for topic in topics {
            if let Some(head) = self
                .audiences
                .get_mut(topic)
                .and_then(|audience| audience.head.as_mut())
                && head
                    .owner
                    .as_ref()
                    .is_none_or(|owner| !honest.contains(&owner.until))
            {
                head.owner = Some(Owner {
                    execution: execution.to_owned(),
                    until,
                });
            }
        }
    }

    /// The heads that this execution may send.
    pub fn owned(&self, execution: &str) -> impl Iterator<Item = (&TopicArn, &Head)> {
        let heads = self
            .audiences
            .iter()
            .filter_map(|(topic, audience)| Some((topic, audience.head.as_ref()?)));
        heads.filter(move |(_, head)| head.is_owned_by(execution))
    }

    /// Notes what became of a head, if it is still the one that this execution owned: one that was
    /// published goes, one that failed is free for the next.
    pub fn settle(&mut self, topic: &TopicArn, digest_id: &str, execution: &str, sent: Sent) {
        let Some(audience) = self.audiences.get_mut(topic) else {
            return;
        };
        let ours = audience
            .head
            .as_ref()
            .is_some_and(|head| head.id == digest_id && head.is_owned_by(execution));
        if !ours {
            return;
        }
        match sent {
            Sent::Published => audience.head = None,
            Sent::Failed => {
                if let Some(head) = &mut audience.head {
                    head.owner = None;
                }
            }
        }
    }
}

impl Head {
    fn is_owned_by(&self, execution: &str) -> bool {
        self.owner
            .as_ref()
            .is_some_and(|owner| owner.execution == execution)
    }
}

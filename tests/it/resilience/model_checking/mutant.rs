//! Mutants of the commit protocol. The model checker must detect each of them.
//!
//! A mutant changes the calls of an execution, or the ledger that it loads or stores.

use packwatch::ledger::{Lease, Ledger, RecentRun};

use super::digests::message;
use super::execution::{ExecutionSpec, function_id};
use super::object::{Bytes, LEDGER};
use super::replay::{Call, Progress, Response, at};
use super::world::{Effect, World};

/// A defect of the commit protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The ledger is stored without a precondition.
    UnconditionalPut,
    /// New digests are sent before the ledger that contains them is stored.
    PublishBeforeCommit,
    /// The outgoing digest of another execution is sent without writing the new lease.
    TakeOverWithoutLease,
    /// A lease belongs to a run, which Lambda may execute twice at once. `Protocol::spec` applies
    /// it.
    LeaseByRunId,
    /// A read is compared with the start of the committed read instead of its end.
    CompareWithReadStart,
    /// A read is compared with the committed read only after a conflict.
    CheckReadOnlyAfterConflict,
    /// An execution settles any outgoing digest after it has sent one.
    SettleOtherDigest,
    /// A digest is settled before it is sent.
    SettleBeforePublish,
    /// A rejection by one topic stops the delivery to the other topic.
    StopAfterRejection,
    /// A run that read nothing is recorded as committed.
    RecordRunWithoutRead,
    /// A snapshot write without a response is assumed to have succeeded.
    AssumeSnapshotStored,
    /// A refusal of the content is taken for any other failed delivery.
    RetryRefusedContent,
    /// The owner of the ledger is not compared with the function.
    IgnoreOwner,
    /// All events are sent again after an event bus has accepted a part.
    ForgetAcceptedEvents,
    /// An answer that accepts a part is taken for one that accepts everything.
    TakePartForWhole,
}

impl Mutant {
    /// Performs a call as a program with this defect does.
    pub fn perform(
        mutant: Option<Self>,
        world: &mut World,
        spec: &ExecutionSpec,
        progress: &Progress,
        call: &Call,
        effect: Effect,
    ) -> Response {
        let Some(mutant) = mutant else {
            return world.perform(spec, progress, call, effect);
        };
        for (topic, digest, message) in world.take_postponed(&spec.id) {
            world.send(spec, &topic, &digest, &message);
        }
        match call {
            Call::Get { key } if key == LEDGER => {
                let response = world.perform(spec, progress, call, effect);
                let Response::Object(Some((bytes, version))) = response else {
                    return response;
                };
                let loaded = altered(&bytes, |ledger| mutant.alter_loaded(ledger, spec, progress));
                Response::Object(Some((loaded, version)))
            }
            Call::Put {
                key,
                bytes,
                sequence,
                expect,
            } if key == LEDGER => {
                if mutant == Self::PublishBeforeCommit {
                    for (topic, outgoing) in bytes.ledger().leased_to(&spec.id) {
                        let message = message(outgoing);
                        world.send_once(spec, topic.as_str(), &outgoing.id, &message);
                    }
                }
                let stored = world.ledger().cloned();
                let bytes = altered(bytes, |ledger| {
                    mutant.alter_stored(ledger, stored.as_ref(), spec, progress);
                });
                let expect = if mutant == Self::UnconditionalPut {
                    world.version(LEDGER)
                } else {
                    expect.clone()
                };
                world.perform(
                    spec,
                    progress,
                    &Call::Put {
                        key: key.clone(),
                        bytes,
                        sequence: *sequence,
                        expect,
                    },
                    effect,
                )
            }
            Call::Put { key, bytes, .. }
                if mutant == Self::AssumeSnapshotStored
                    && effect == Effect::RequestLost
                    && key.starts_with("snapshots/") =>
            {
                Response::Stored(bytes.version())
            }
            Call::Publish {
                topic,
                digest,
                message,
            } => match mutant {
                Self::PublishBeforeCommit => Response::Published,
                Self::SettleBeforePublish if effect == Effect::Done => {
                    world.postpone(&spec.id, topic, digest, message);
                    Response::Published
                }
                Self::StopAfterRejection if progress.publish_failed => Response::Rejected,
                Self::RetryRefusedContent if effect == Effect::ContentRefused => Response::Rejected,
                _ => world.perform(spec, progress, call, effect),
            },
            Call::PutEvents { .. }
                if mutant == Self::TakePartForWhole && effect == Effect::PartlyAccepted =>
            {
                world.perform(spec, progress, call, effect);
                Response::Published
            }
            Call::Get { .. }
            | Call::Head { .. }
            | Call::Put { .. }
            | Call::PutEvents { .. }
            | Call::Read => world.perform(spec, progress, call, effect),
        }
    }

    /// Alters the ledger that the execution loads.
    fn alter_loaded(self, ledger: &mut Ledger, spec: &ExecutionSpec, progress: &Progress) {
        match self {
            Self::CheckReadOnlyAfterConflict if progress.ledger_gets == 0 => {
                ledger.recent_reads.clear();
            }
            Self::IgnoreOwner => ledger.owner = Some(function_id(spec.function)),
            Self::SettleOtherDigest => {
                for (topic, receiver) in &mut ledger.receivers {
                    if let (Some(outgoing), Some(sent)) = (
                        &mut receiver.outgoing,
                        progress.published.get(topic.as_str()),
                    ) {
                        outgoing.id.clone_from(sent);
                        outgoing.lease = Some(Lease {
                            holder: spec.id.clone(),
                            expires_at: at(spec.deadline),
                        });
                    }
                }
            }
            _ => {}
        }
    }

    /// Alters the ledger that the execution stores over the ledger `stored`.
    fn alter_stored(
        self,
        ledger: &mut Ledger,
        stored: Option<&Ledger>,
        spec: &ExecutionSpec,
        progress: &Progress,
    ) {
        match self {
            Self::TakeOverWithoutLease => {
                for (topic, receiver) in &mut ledger.receivers {
                    let before =
                        stored.and_then(|stored| stored.receivers.get(topic)?.outgoing.as_ref());
                    if let (Some(outgoing), Some(before)) = (&mut receiver.outgoing, before)
                        && outgoing.id == before.id
                    {
                        outgoing.lease.clone_from(&before.lease);
                    }
                }
            }
            Self::ForgetAcceptedEvents => {
                for (arn, receiver) in &mut ledger.receivers {
                    let before =
                        stored.and_then(|stored| stored.receivers.get(arn)?.outgoing.as_ref());
                    if let (Some(outgoing), Some(before)) = (&mut receiver.outgoing, before)
                        && outgoing.id == before.id
                    {
                        outgoing.content.clone_from(&before.content);
                    }
                }
            }
            Self::CompareWithReadStart => {
                let is_ours = |until| progress.found.is_some_and(|(_, ended)| at(ended) == until);
                for read in ledger
                    .recent_reads
                    .iter_mut()
                    .filter(|read| is_ours(read.until))
                {
                    read.until = at(progress.read_started);
                }
            }
            Self::RecordRunWithoutRead if spec.config_denied => {
                ledger.recent_runs.push(RecentRun {
                    run_id: spec.run_id.clone(),
                    execution: spec.id.clone(),
                    sequence: ledger.sequence,
                    snapshot: ledger
                        .last_commit
                        .as_ref()
                        .map(|last| last.snapshot.clone())
                        .unwrap_or_default(),
                    at: at(progress.now),
                    totals: ledger
                        .last_commit
                        .as_ref()
                        .map(|last| last.totals)
                        .unwrap_or_default(),
                    complete: false,
                    narrowed: false,
                });
            }
            _ => {}
        }
    }
}

fn altered(bytes: &Bytes, alter: impl FnOnce(&mut Ledger)) -> Bytes {
    let mut ledger = bytes.ledger().clone();
    alter(&mut ledger);
    if ledger == *bytes.ledger() {
        bytes.clone()
    } else {
        ledger.to_bytes().expect("JSON").to_vec().into()
    }
}

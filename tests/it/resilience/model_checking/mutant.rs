//! Mistakes in the protocol, each put between an execution and the world: in what it does, or in
//! what it is shown. The checker has to find every one.

use packwatch::ledger::{Lease, Ledger, RecentRun};

use super::execution::Identity;
use super::replay::{Answer, Call, Knows, at};
use super::world::{Bytes, Effect, LEDGER, World};

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The ledger is stored whatever is there.
    PutsUnconditionally,
    /// The new heads are sent, and then the ledger with them is stored.
    PublishesBeforeTheCommit,
    /// A head of another's is sent without our name on it.
    TakesOverUnwritten,
    /// The owner of a head is a run, which Lambda may run twice at once. See the tokens of the
    /// executions.
    OwnsByRunId,
    /// A reading is too old where another one began, and not where it ended, after it began.
    ComparesWithTheStart,
    /// Whether a reading is too old is only asked after a lost race.
    AsksOnlyAfterAConflict,
    /// Whatever head is there is settled by who has sent one.
    SettlesAnothersHead,
    /// A head is settled, and then sent.
    SettlesBeforePublishing,
    /// A topic that refuses ends the sending to the other one.
    ARefusalEndsIt,
    /// A run that read nothing is noted as committed.
    RecordsNothingRead,
    /// A snapshot that got no answer is taken to be stored.
    BelievesInTheSnapshot,
}

impl Mutant {
    /// Performs a call as a program with this mistake would have it.
    pub fn perform(
        mutant: Option<Self>,
        world: &mut World,
        who: &Identity,
        knows: &Knows,
        call: &Call,
        effect: Effect,
    ) -> Answer {
        let Some(mutant) = mutant else {
            return world.perform(who, knows, call, effect);
        };
        for (topic, digest, message) in world.take_postponed(&who.token) {
            world.send(who, &topic, &digest, &message);
        }
        match call {
            Call::Get { key } if key == LEDGER => {
                let answer = world.perform(who, knows, call, effect);
                let Answer::Object(Some((bytes, version))) = answer else {
                    return answer;
                };
                let shown = changed(&bytes, |ledger| mutant.shows(ledger, who, knows));
                Answer::Object(Some((shown, version)))
            }
            Call::Put { key, bytes, expect } if key == LEDGER => {
                if mutant == Self::PublishesBeforeTheCommit {
                    for (topic, head) in bytes.ledger().leased_to(&who.token) {
                        let message = serde_json::to_vec(&head.message).expect("JSON").into();
                        world.send_once(who, topic.as_str(), &head.id, &message);
                    }
                }
                let stored = world.ledger().cloned();
                let bytes = changed(bytes, |ledger| {
                    mutant.stores(ledger, stored.as_ref(), who, knows)
                });
                let expect = if mutant == Self::PutsUnconditionally {
                    world.version(LEDGER)
                } else {
                    expect.clone()
                };
                world.perform(
                    who,
                    knows,
                    &Call::Put {
                        key: key.clone(),
                        bytes,
                        expect,
                    },
                    effect,
                )
            }
            Call::Put { key, bytes, .. }
                if mutant == Self::BelievesInTheSnapshot
                    && effect == Effect::NotLanded
                    && key.starts_with("snapshots/") =>
            {
                Answer::Stored(bytes.version())
            }
            Call::Publish {
                topic,
                digest,
                message,
            } => match mutant {
                Self::PublishesBeforeTheCommit => Answer::Delivery,
                Self::SettlesBeforePublishing if effect == Effect::Done => {
                    world.postpone(&who.token, topic, digest, message);
                    Answer::Delivery
                }
                Self::ARefusalEndsIt if knows.refused => Answer::Refused,
                _ => world.perform(who, knows, call, effect),
            },
            Call::Get { .. } | Call::Put { .. } | Call::Read => {
                world.perform(who, knows, call, effect)
            }
        }
    }

    /// The ledger as the execution is shown it.
    fn shows(self, ledger: &mut Ledger, who: &Identity, knows: &Knows) {
        match self {
            Self::AsksOnlyAfterAConflict if knows.recalls == 0 => ledger.reading = None,
            Self::SettlesAnothersHead => {
                for (topic, receiver) in &mut ledger.audiences {
                    if let (Some(head), Some(sent)) =
                        (&mut receiver.head, knows.published.get(topic.as_str()))
                    {
                        head.id.clone_from(sent);
                        head.owner = Some(Lease {
                            execution: who.token.clone(),
                            until: at(who.deadline),
                        });
                    }
                }
            }
            _ => {}
        }
    }

    /// The ledger as the execution stores it, over the one that is stored.
    fn stores(self, ledger: &mut Ledger, stored: Option<&Ledger>, who: &Identity, knows: &Knows) {
        match self {
            Self::TakesOverUnwritten => {
                for (topic, receiver) in &mut ledger.audiences {
                    let before =
                        stored.and_then(|stored| stored.audiences.get(topic)?.head.as_ref());
                    if let (Some(head), Some(before)) = (&mut receiver.head, before)
                        && head.id == before.id
                    {
                        head.owner.clone_from(&before.owner);
                    }
                }
            }
            Self::ComparesWithTheStart => {
                let ours = |until| knows.found.is_some_and(|(_, ended)| at(ended) == until);
                if let Some(reading) = ledger
                    .reading
                    .as_mut()
                    .filter(|reading| ours(reading.until))
                {
                    reading.until = at(knows.reading_began);
                }
            }
            Self::RecordsNothingRead if who.blind => ledger.runs.push(RecentRun {
                run_id: who.run.clone(),
                execution: who.token.clone(),
                sequence: ledger.sequence,
                snapshot: ledger
                    .last
                    .as_ref()
                    .map(|last| last.snapshot.clone())
                    .unwrap_or_default(),
                at: at(knows.now),
                totals: ledger
                    .last
                    .as_ref()
                    .map(|last| last.totals)
                    .unwrap_or_default(),
                complete: false,
                narrowed: false,
            }),
            _ => {}
        }
    }
}

fn changed(bytes: &Bytes, change: impl FnOnce(&mut Ledger)) -> Bytes {
    let mut ledger = bytes.ledger().clone();
    change(&mut ledger);
    if ledger == *bytes.ledger() {
        bytes.clone()
    } else {
        ledger.to_bytes().expect("JSON").into()
    }
}

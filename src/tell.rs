//! Gives digests to audiences, in the ledger: what is here is claimed and counts as told, and is then sent.

use jiff::Timestamp;

use crate::difference::Difference;
use crate::digest::Digest;
use crate::event::Announce;
use crate::ledger::{Head, Ledger, Owner};
use crate::message::Message;
use crate::model::TopicArn;
use crate::plan::Plan;
use crate::scope::Scope;

/// Gives every audience without a head its next digest, if there is something to tell it; gives the digests of those that
/// got one. A narrowed run tells only what is in its scope, and whoever asks for a digest in any case gets one.
pub fn offer(
    ledger: &mut Ledger,
    plan: &Plan,
    scope: &Scope,
    announce: Announce,
    at: Timestamp,
) -> Vec<(TopicArn, Digest)> {
    let narrowed = scope.narrowed.then_some(scope);
    let before = ledger.clone();
    let mut offered = Vec::new();
    for topic in plan.audiences() {
        let Some(audience) = before.audiences.get(topic) else {
            continue;
        };
        let difference = Difference::of(&before, audience.id, &plan.policy, narrowed, at);
        if announce == Announce::Never {
            difference.note_told(ledger, audience.id, at);
            continue;
        }
        if audience.head.is_some() || (difference.is_empty() && announce == Announce::Changes) {
            continue;
        }
        let digest = Digest::of(&before, audience, &difference, plan, at);
        difference.note_told(ledger, audience.id, at);
        if let Some(audience) = ledger.audiences.get_mut(topic) {
            audience.digests += 1;
            audience.head = Some(Head {
                id: digest.id.clone(),
                message: message(&digest, topic, plan),
                owner: Some(Owner { execution: plan.execution.clone(), until: plan.ends_at }),
            });
        }
        offered.push((topic.clone(), digest));
    }
    offered
}

fn message(digest: &Digest, topic: &TopicArn, plan: &Plan) -> Message {
    if plan.chat_topic.as_ref() == Some(topic) { digest.chat_message() } else { digest.message() }
}

//! What goes wrong, and when.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::answer::Service;
use crate::call::Call;
use crate::change::Change;

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The call is refused with this, in the service's own form.
    Error {
        status: u16,
        code: String,
        message: String,
    },
    /// Refused as the service throttles: `ThrottlingException` with HTTP 400 from AWS Config,
    /// `SlowDown` from S3.
    Throttle,
    /// Refused as policies do: `AccessDeniedException` with HTTP 400 from AWS Config, 403
    /// elsewhere.
    Denied,
    /// Refused because the session token has expired.
    ExpiredToken,
    /// HTTP 500 in the service's own form.
    InternalError,
    /// HTTP 503 from something in front of the service: an HTML page without an error code.
    Unavailable,
    /// This answer, instead of the call.
    Raw {
        status: u16,
        content_type: String,
        body: String,
    },
    /// The call happens, and its answer is no JSON or XML.
    Malformed,
    /// The call happens, and its answer has no body.
    Empty,
    /// The call happens, and its answer stops halfway, though the lengths agree.
    Truncated,
    /// The call happens, and the connection ends halfway through its answer.
    CutOff,
    /// The connection is reset, and the call does not happen.
    ResetBefore,
    /// The call happens, and the connection is reset instead of an answer.
    ResetAfter,
    /// The call does not happen, and is never answered.
    Silence,
    /// The call happens, and the page answers with the token that was given.
    RepeatToken,
    /// The call happens, and the second page leads to a third that leads back to the second.
    TokenCycle,
    /// The call happens at once, and is answered this many milliseconds later. Goes with any other
    /// effect.
    Delay(#[serde(with = "crate::millis")] Duration),
    /// The call happens, and is answered, this many milliseconds later; it happens also when its
    /// caller has given up by then. Goes with any other effect.
    Hold(#[serde(with = "crate::millis")] Duration),
    /// The world changes right after the call. Goes with any other effect.
    Then(Vec<Change>),
}

/// Which of the matching calls a fault befalls, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    #[default]
    Always,
    /// The first so many.
    First(u64),
    /// Only this one.
    Nth(u64),
    /// This one and all that follow.
    From(u64),
}

/// An effect, and the calls that it befalls.
///
/// Faults are asked in the order in which they were given. The first whose effect decides the
/// answer decides it; delays and changes of every fault that applies add up. Calls that the rate
/// limit refuses are not counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use]
pub struct Fault {
    pub effect: Effect,
    #[serde(default)]
    pub when: When,
    #[serde(default)]
    pub service: Option<Service>,
    #[serde(default)]
    pub operation: Option<String>,
    #[serde(default)]
    pub caller: Option<String>,
    #[serde(default)]
    pub region: Option<String>,
    /// A part of the call's target: pack, `bucket/key`, topic or role.
    #[serde(default)]
    pub target: Option<String>,
}

impl Fault {
    /// A fault that befalls every call, until it is narrowed.
    pub fn new(effect: Effect) -> Self {
        Self {
            effect,
            when: When::Always,
            service: None,
            operation: None,
            caller: None,
            region: None,
            target: None,
        }
    }

    /// A refusal with this status, code and message.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::new(Effect::Error {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        })
    }

    /// Changes right after a call.
    pub fn then(changes: impl IntoIterator<Item = Change>) -> Self {
        Self::new(Effect::Then(changes.into_iter().collect()))
    }

    pub fn service(mut self, service: Service) -> Self {
        self.service = Some(service);
        self
    }

    pub fn operation(mut self, operation: &str) -> Self {
        self.operation = Some(operation.to_owned());
        self
    }

    pub fn caller(mut self, account: &str) -> Self {
        self.caller = Some(account.to_owned());
        self
    }

    pub fn region(mut self, region: &str) -> Self {
        self.region = Some(region.to_owned());
        self
    }

    /// Only calls whose target contains this.
    pub fn target(mut self, part: &str) -> Self {
        self.target = Some(part.to_owned());
        self
    }

    /// Only the first `count` matching calls.
    pub fn first(mut self, count: u64) -> Self {
        self.when = When::First(count);
        self
    }

    /// Only the `n`th matching call.
    pub fn nth(mut self, n: u64) -> Self {
        self.when = When::Nth(n);
        self
    }

    /// The `n`th matching call and all that follow.
    pub fn from_nth(mut self, n: u64) -> Self {
        self.when = When::From(n);
        self
    }

    fn matches(&self, call: &Call) -> bool {
        fn is(wanted: Option<&String>, given: &str) -> bool {
            wanted.is_none_or(|wanted| wanted == given)
        }
        self.service.is_none_or(|service| service == call.service)
            && is(self.operation.as_ref(), &call.operation)
            && is(self.caller.as_ref(), &call.caller)
            && is(self.region.as_ref(), &call.region)
            && self
                .target
                .as_ref()
                .is_none_or(|part| call.target.contains(part.as_str()))
    }
}

/// A fault in the world, with the calls that it has seen.
#[derive(Clone, Debug)]
pub(crate) struct Armed {
    fault: Fault,
    seen: u64,
}

impl Armed {
    pub fn new(fault: Fault) -> Self {
        Self { fault, seen: 0 }
    }

    /// Counts the call if it matches, and gives the effect if this is a call that the fault
    /// befalls.
    pub fn strike(&mut self, call: &Call) -> Option<&Effect> {
        if !self.fault.matches(call) {
            return None;
        }
        self.seen += 1;
        let struck = match self.fault.when {
            When::Always => true,
            When::First(count) => self.seen <= count,
            When::Nth(n) => self.seen == n,
            When::From(n) => self.seen >= n,
        };
        struck.then_some(&self.fault.effect)
    }
}

/// All that faults do to one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub effect: Option<Effect>,
    pub hold: Duration,
    pub delay: Duration,
    pub then: Vec<Change>,
}

impl Plan {
    /// The plan for a call, counting it in every fault that it matches.
    pub fn of(faults: &mut [Armed], call: &Call) -> Self {
        let mut plan = Self::default();
        for effect in faults.iter_mut().filter_map(|fault| fault.strike(call)) {
            match effect {
                Effect::Delay(time) => plan.delay += *time,
                Effect::Hold(time) => plan.hold += *time,
                Effect::Then(changes) => plan.then.extend(changes.iter().cloned()),
                other if plan.effect.is_none() => plan.effect = Some(other.clone()),
                _ => {}
            }
        }
        plan
    }
}

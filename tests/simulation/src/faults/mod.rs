//! Injected faults: their effects, and the calls that each applies to.

pub(crate) mod rate_limit;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::service::Service;
use crate::world::change::Change;

/// Effect of a fault on a call.
///
/// "Executed" means that the call reads or changes the simulated state. A response to HEAD has no
/// body, so effects on the body do not reach it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Returns this error in the service's wire format. The call is not executed.
    Error {
        status: u16,
        code: String,
        message: String,
    },
    /// Returns the service's throttling error: `ThrottlingException` with HTTP 400 from AWS Config,
    /// `SlowDown` from S3. The call is not executed.
    Throttle,
    /// Returns the service's access-denied error: `AccessDeniedException` with HTTP 400 from AWS
    /// Config and AWS Organizations, HTTP 403 from the others. The call is not executed.
    Denied,
    /// Returns the service's error for an expired session token. The call is not executed.
    ExpiredToken,
    /// Returns HTTP 500 in the service's wire format. The call is not executed.
    InternalError,
    /// Returns HTTP 503 with an HTML page and no error code, as a proxy in front of the service
    /// does. The call is not executed.
    Unavailable,
    /// Returns this response. The call is not executed.
    Raw {
        status: u16,
        content_type: String,
        body: String,
    },
    /// Executes the call and returns a body that is neither JSON nor XML.
    Malformed,
    /// Executes the call and returns an empty body.
    Empty,
    /// Executes the call and returns half of the body with a matching `Content-Length`.
    Truncated,
    /// Executes the call and closes the connection after half of the body.
    CutOff,
    /// Resets the connection. The call is not executed.
    ResetBefore,
    /// Executes the call and resets the connection instead of responding.
    ResetAfter,
    /// Never responds. The call is not executed.
    NoResponse,
    /// Executes the call and returns the page token of the request as the next page token.
    RepeatToken,
    /// Executes the call; the page token of the third page leads back to the second page.
    TokenCycle,
    /// Executes the call; the last page has an empty page token instead of none.
    EmptyToken,
    /// Executes the call at once and responds this many milliseconds later. Combines with any other
    /// effect.
    Delay(#[serde(with = "crate::serde_millis")] Duration),
    /// Executes the call this many milliseconds later, even when the client has disconnected by
    /// then. Combines with any other effect.
    Hold(#[serde(with = "crate::serde_millis")] Duration),
    /// Applies these changes right after the call. Combines with any other effect.
    Then(Vec<Change>),
}

/// Selects among the calls that match a fault, by their number, starting at 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occurrence {
    /// Every call.
    #[default]
    Always,
    /// The first n calls.
    First(u64),
    /// Only the nth call.
    Nth(u64),
    /// The nth call and all later ones.
    From(u64),
}

/// An effect and the calls that it applies to.
///
/// Faults are tried in the order in which they were added. The first one with an effect on the
/// response determines the response; delays, holds and changes of all applicable faults add up.
/// Calls that the rate limit or the authentication rejects are not counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use]
pub struct Fault {
    pub effect: Effect,
    #[serde(default)]
    pub when: Occurrence,
    #[serde(default)]
    pub service: Option<Service>,
    #[serde(default)]
    pub operation: Option<String>,
    #[serde(default)]
    pub caller: Option<String>,
    #[serde(default)]
    pub region: Option<String>,
    /// Substring of the call's target: pack, `bucket/key`, topic, role or account.
    #[serde(default)]
    pub target: Option<String>,
    /// Substring of the call's filter: `AccountId=...&Status=...` in AWS Config, the prefix in S3.
    /// An empty substring matches every call with a filter.
    #[serde(default)]
    pub filter: Option<String>,
}

impl Fault {
    /// Returns a fault that applies to every call.
    pub fn new(effect: Effect) -> Self {
        Self {
            effect,
            when: Occurrence::Always,
            service: None,
            operation: None,
            caller: None,
            region: None,
            target: None,
            filter: None,
        }
    }

    /// Returns a fault with an error of this HTTP status, code and message.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::new(Effect::Error {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        })
    }

    /// Returns a fault that applies changes right after a call.
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

    /// Restricts the fault to calls whose target contains this substring.
    pub fn target(mut self, part: &str) -> Self {
        self.target = Some(part.to_owned());
        self
    }

    /// Restricts the fault to calls with a filter that contains this substring.
    pub fn filter(mut self, part: &str) -> Self {
        self.filter = Some(part.to_owned());
        self
    }

    /// Restricts the fault to the first `count` matching calls.
    pub fn first(mut self, count: u64) -> Self {
        self.when = Occurrence::First(count);
        self
    }

    /// Restricts the fault to the `n`th matching call.
    pub fn nth(mut self, n: u64) -> Self {
        self.when = Occurrence::Nth(n);
        self
    }

    /// Restricts the fault to the `n`th matching call and all later ones.
    pub fn from_nth(mut self, n: u64) -> Self {
        self.when = Occurrence::From(n);
        self
    }

    fn matches(&self, call: &Call) -> bool {
        fn accepts(expected: Option<&String>, actual: &str) -> bool {
            expected.is_none_or(|expected| expected == actual)
        }
        self.service.is_none_or(|service| service == call.service)
            && accepts(self.operation.as_ref(), &call.operation)
            && accepts(self.caller.as_ref(), &call.caller)
            && accepts(self.region.as_ref(), &call.region)
            && self
                .target
                .as_ref()
                .is_none_or(|part| call.target.contains(part.as_str()))
            && self.filter.as_ref().is_none_or(|part| {
                call.filter
                    .as_ref()
                    .is_some_and(|filter| filter.contains(part.as_str()))
            })
    }
}

/// A fault with its count of matching calls.
#[derive(Clone, Debug)]
pub(crate) struct ArmedFault {
    fault: Fault,
    matched: u64,
}

impl ArmedFault {
    pub fn new(fault: Fault) -> Self {
        Self { fault, matched: 0 }
    }

    /// Counts the call if it matches, and returns the effect if the fault applies to it.
    pub fn apply(&mut self, call: &Call) -> Option<&Effect> {
        if !self.fault.matches(call) {
            return None;
        }
        self.matched += 1;
        let applies = match self.fault.when {
            Occurrence::Always => true,
            Occurrence::First(count) => self.matched <= count,
            Occurrence::Nth(n) => self.matched == n,
            Occurrence::From(n) => self.matched >= n,
        };
        applies.then_some(&self.fault.effect)
    }
}

/// Combined effects of all faults on one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallEffects {
    /// Effect on the response.
    pub response: Option<Effect>,
    pub hold: Duration,
    pub delay: Duration,
    pub then: Vec<Change>,
}

impl CallEffects {
    /// Collects the effects on a call, and counts the call in every fault that matches it.
    pub fn collect(faults: &mut [ArmedFault], call: &Call) -> Self {
        let mut effects = Self::default();
        for effect in faults.iter_mut().filter_map(|fault| fault.apply(call)) {
            match effect {
                Effect::Delay(time) => effects.delay += *time,
                Effect::Hold(time) => effects.hold += *time,
                Effect::Then(changes) => effects.then.extend(changes.iter().cloned()),
                other if effects.response.is_none() => effects.response = Some(other.clone()),
                _ => {}
            }
        }
        effects
    }
}

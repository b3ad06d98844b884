//! What becomes of a call: who makes it, whether it is let through, what goes wrong with it, and
//! what it answers.

use std::time::Duration;

use crate::answer::{Answer, Refusal, Service};
use crate::call::{Call, Heading};
use crate::config::{self, Tokens};
use crate::fault::{Effect, Plan};
use crate::identity::Identity;
use crate::rate::TokenBucket;
use crate::request::{Request, Scope};
use crate::world::{Source, World};
use crate::{organizations, s3, sns, sts};

/// A call that has arrived and is in the journal, but has not happened yet.
pub(crate) struct Arrival {
    sequence: u64,
    service: Service,
    region: String,
    /// Who calls, or why the call does not come through.
    admitted: Result<Identity, Refusal>,
    plan: Plan,
    request_id: String,
    operation: String,
}

impl Arrival {
    /// How long to wait until the call happens.
    pub fn hold(&self) -> Duration {
        self.plan.hold
    }
}

/// What the server does for an answer.
pub(crate) enum Reply {
    Answer(Answer),
    /// The answer's head and half of its body.
    CutOff(Answer),
    Reset,
    Silence,
}

impl World {
    /// Takes a call into the journal and decides what goes wrong with it. Gives also where to count
    /// it as under way.
    pub fn arrive(&mut self, request: &Request) -> (Arrival, (Service, Source)) {
        self.apply_due();
        let scope = request.scope();
        let service = scope
            .as_ref()
            .and_then(Scope::service)
            .unwrap_or_else(|| request.apparent_service());
        let region = scope
            .as_ref()
            .map(|scope| scope.region.clone())
            .unwrap_or_default();
        let mut admitted = self.identify(service, request);
        let caller = admitted
            .as_ref()
            .map(|identity| identity.account.clone())
            .unwrap_or_default();

        let heading = match service {
            Service::Config => config::heading(request),
            Service::Organizations => organizations::heading(request),
            Service::S3 => s3::heading(request),
            Service::Sns => sns::heading(request),
            Service::Sts => sts::heading(request),
        };
        let lane = (service, (caller.clone(), region.clone()));
        let in_flight = self.in_flight.entry(lane.clone()).or_default();
        *in_flight += 1;
        let in_flight = *in_flight;
        let Heading {
            operation,
            target,
            token,
            filter,
            condition,
        } = heading;
        self.call_count += 1;
        let call = Call {
            sequence: self.call_count,
            at: self.now(),
            service,
            operation: operation.clone(),
            caller,
            region: region.clone(),
            target,
            token,
            filter,
            condition,
            in_flight,
            status: None,
            code: None,
        };

        let mut plan = Plan::default();
        if admitted.is_ok() {
            if service == Service::Config && !self.within_rate(&lane.1) {
                admitted = Err(service.throttled());
            } else {
                plan = Plan::of(&mut self.faults, &call);
            }
        }
        let arrival = Arrival {
            sequence: call.sequence,
            service,
            region,
            admitted,
            plan,
            request_id: self.next_id(),
            operation,
        };
        self.calls.push(call);
        (arrival, lane)
    }

    /// Lets the call happen, and gives the reply and how long it takes.
    pub fn perform(&mut self, arrival: Arrival, request: &Request) -> (Reply, Duration) {
        let Arrival {
            sequence,
            service,
            region,
            admitted,
            plan,
            request_id,
            operation,
        } = arrival;
        let Plan {
            effect,
            delay,
            then,
            ..
        } = plan;
        self.apply_due();
        let mut reply = match admitted {
            Err(refusal) => Reply::Answer(service.refuse(&refusal, &request_id)),
            Ok(caller) => instead(service, &operation, &caller, effect.as_ref(), &request_id)
                .unwrap_or_else(|| {
                    let tokens = match effect {
                        Some(Effect::RepeatToken) => Tokens::Repeat,
                        Some(Effect::TokenCycle) => Tokens::Cycle,
                        _ => Tokens::Honest,
                    };
                    let answer = match service {
                        Service::Config => config::perform(self, &caller, &region, request, tokens),
                        Service::Organizations => organizations::perform(self, &caller, request),
                        Service::S3 => s3::perform(self, &caller, request),
                        Service::Sns => sns::perform(self, &caller, &region, request, &request_id),
                        Service::Sts => sts::perform(self, &caller, request, &request_id),
                    };
                    mangled(
                        answer.unwrap_or_else(|refusal| service.refuse(&refusal, &request_id)),
                        effect.as_ref(),
                    )
                }),
        };
        if let Reply::Answer(answer) | Reply::CutOff(answer) = &mut reply {
            answer
                .headers
                .push((service.request_id_header(), request_id));
            // The journal may have been forgotten meanwhile.
            if let Some(call) = self
                .calls
                .iter_mut()
                .rev()
                .find(|call| call.sequence == sequence)
            {
                call.status = Some(answer.status);
                call.code.clone_from(&answer.code);
            }
        }
        for change in then {
            self.apply(change);
        }
        (reply, self.latency + delay)
    }

    /// Who signed the request. Signatures themselves are not verified.
    fn identify(&self, service: Service, request: &Request) -> Result<Identity, Refusal> {
        let Some(scope) = request.scope() else {
            return Err(match request.header("authorization") {
                None => service.unsigned(),
                Some(_) => Refusal::new(
                    400,
                    "IncompleteSignature",
                    "The request signature does not conform to AWS standards.",
                ),
            });
        };
        if scope.service().is_none() {
            return Err(Refusal::new(
                404,
                "UnknownOperationException",
                "This service is not simulated.",
            ));
        }
        self.keys
            .get(&scope.key)
            .filter(|identity| {
                identity.session_token.is_none()
                    || identity.session_token.as_deref() == request.header("x-amz-security-token")
            })
            .cloned()
            .ok_or_else(|| service.unknown_caller())
    }

    fn within_rate(&mut self, source: &Source) -> bool {
        let Some(limit) = self.rate_limit else {
            return true;
        };
        self.rates
            .entry(source.clone())
            .or_insert_with(|| TokenBucket::full(limit))
            .admits(limit)
    }
}

/// What an effect puts in the place of the call, which then does not happen.
fn instead(
    service: Service,
    operation: &str,
    caller: &Identity,
    effect: Option<&Effect>,
    request_id: &str,
) -> Option<Reply> {
    let refusal = match effect? {
        Effect::Error {
            status,
            code,
            message,
        } => Refusal::new(*status, code, message),
        Effect::Throttle => service.throttled(),
        Effect::Denied => service.denied(&caller.arn, operation),
        Effect::ExpiredToken => service.expired(),
        Effect::InternalError => service.broken(),
        Effect::Unavailable => {
            let page = "<html><head><title>503 Service Unavailable</title></head><body><h1>503</h1></body></html>";
            return Some(Reply::Answer(Answer::new(503, "text/html", page)));
        }
        Effect::Raw {
            status,
            content_type,
            body,
        } => {
            return Some(Reply::Answer(Answer::new(
                *status,
                content_type,
                body.as_bytes(),
            )));
        }
        Effect::ResetBefore => return Some(Reply::Reset),
        Effect::Silence => return Some(Reply::Silence),
        _ => return None,
    };
    Some(Reply::Answer(service.refuse(&refusal, request_id)))
}

/// What an effect makes of the answer of a call that happened.
fn mangled(mut answer: Answer, effect: Option<&Effect>) -> Reply {
    match effect {
        Some(Effect::Malformed) => answer.body = b"{<malformed".to_vec(),
        Some(Effect::Empty) => answer.body.clear(),
        Some(Effect::Truncated) => answer.body.truncate(answer.body.len() / 2),
        Some(Effect::CutOff) => return Reply::CutOff(answer),
        Some(Effect::ResetAfter) => return Reply::Reset,
        _ => {}
    }
    Reply::Answer(answer)
}

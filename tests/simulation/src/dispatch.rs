//! Processing of one call: authentication, rate limit, faults, and routing to the service.

use std::time::Duration;

use crate::call::{Call, CallMetadata};
use crate::config::{self, Tokens};
use crate::faults::rate_limit::TokenBucket;
use crate::faults::{CallEffects, Effect};
use crate::http::request::{Request, Scope};
use crate::http::response::Response;
use crate::identity::Identity;
use crate::service::{Service, ServiceError};
use crate::world::{Source, World};
use crate::{events, organizations, s3, sns, sts};

/// A call that is logged but not executed yet.
pub(crate) struct PendingCall {
    sequence: u64,
    service: Service,
    region: String,
    /// The caller, or the error with which the call is rejected.
    caller: Result<Identity, ServiceError>,
    effects: CallEffects,
    request_id: String,
    operation: String,
}

impl PendingCall {
    /// Returns how long to wait before the call is executed.
    pub fn hold(&self) -> Duration {
        self.effects.hold
    }
}

/// How the server ends a call.
pub(crate) enum Reply {
    Response(Response),
    /// Sends the headers and half of the body, then closes the connection.
    CutOff(Response),
    /// Resets the connection.
    Reset,
    /// Never responds.
    NoResponse,
}

impl World {
    /// Logs a call, authenticates it, and selects the faults that apply to it. The second value is
    /// the key under which the call counts as in flight.
    pub fn receive(&mut self, request: &Request) -> (PendingCall, (Service, Source)) {
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
        let authenticated = self.authenticate(service, request);
        let account = authenticated
            .as_ref()
            .map(|identity| identity.account.clone())
            .unwrap_or_default();
        // After the account is known, so that the call log has the caller of an expired session.
        let mut caller = authenticated.and_then(|identity| {
            if identity.expired {
                Err(service.expired_token_error())
            } else {
                Ok(identity)
            }
        });

        let metadata = match service {
            Service::Config => config::call_metadata(request),
            Service::Events => events::call_metadata(request),
            Service::Organizations => organizations::call_metadata(request),
            Service::S3 => s3::call_metadata(request),
            Service::Sns => sns::call_metadata(request),
            Service::Sts => sts::call_metadata(request),
        };
        let limit_key = (service, (account.clone(), region.clone()));
        let in_flight = self.in_flight.entry(limit_key.clone()).or_default();
        *in_flight += 1;
        let in_flight = *in_flight;
        let CallMetadata {
            operation,
            target,
            token,
            filter,
            condition,
        } = metadata;
        self.call_count += 1;
        let call = Call {
            sequence: self.call_count,
            at: self.now(),
            service,
            operation: operation.clone(),
            caller: account,
            region: region.clone(),
            target,
            token,
            filter,
            condition,
            in_flight,
            status: None,
            code: None,
        };

        let mut effects = CallEffects::default();
        if caller.is_ok() {
            if service == Service::Config && !self.within_rate_limit(&limit_key.1) {
                caller = Err(service.throttling_error());
            } else {
                effects = CallEffects::collect(&mut self.faults, &call);
            }
        }
        let pending = PendingCall {
            sequence: call.sequence,
            service,
            region,
            caller,
            effects,
            request_id: self.next_id(),
            operation,
        };
        self.calls.push(call);
        (pending, limit_key)
    }

    /// Executes the call, and returns the reply and the delay before it is sent.
    pub fn execute(&mut self, pending: PendingCall, request: &Request) -> (Reply, Duration) {
        let PendingCall {
            sequence,
            service,
            region,
            caller,
            effects,
            request_id,
            operation,
        } = pending;
        let CallEffects {
            response: effect,
            delay,
            then,
            ..
        } = effects;
        self.apply_due();
        let mut reply = match caller {
            Err(error) => Reply::Response(service.error_response(&error, &request_id)),
            Ok(caller) => {
                let effect = effect.as_ref();
                reply_without_execution(service, &operation, &caller, effect, &request_id)
                    .unwrap_or_else(|| {
                        let tokens = match effect {
                            Some(Effect::RepeatToken) => Tokens::Repeat,
                            Some(Effect::TokenCycle) => Tokens::Cycle,
                            Some(Effect::EmptyToken) => Tokens::EmptyLast,
                            _ => Tokens::Normal,
                        };
                        let response = self
                            .route(service, &caller, &region, request, tokens, &request_id)
                            .unwrap_or_else(|error| service.error_response(&error, &request_id));
                        reply_after_execution(response, effect)
                    })
            }
        };
        if let Reply::Response(response) | Reply::CutOff(response) = &mut reply {
            response
                .headers
                .push((service.request_id_header().into(), request_id));
            // `Change::ForgetCalls` may have cleared the call log in the meantime.
            if let Some(call) = self
                .calls
                .iter_mut()
                .rev()
                .find(|call| call.sequence == sequence)
            {
                call.status = Some(response.status);
                call.code.clone_from(&response.code);
            }
        }
        for change in then {
            self.apply(change);
        }
        (reply, self.latency + delay)
    }

    /// Routes the call to its service.
    fn route(
        &mut self,
        service: Service,
        caller: &Identity,
        region: &str,
        request: &Request,
        tokens: Tokens,
        request_id: &str,
    ) -> Result<Response, ServiceError> {
        match service {
            Service::Config => config::handle(self, caller, region, request, tokens),
            Service::Events => events::handle(self, caller, region, request),
            Service::Organizations => organizations::handle(self, caller, request),
            Service::S3 => s3::handle(self, caller, request),
            Service::Sns => sns::handle(self, caller, region, request, request_id),
            Service::Sts => sts::handle(self, caller, request, request_id),
        }
    }

    /// Returns the identity of the request's access key and session token, which may have expired.
    /// Signatures are not verified.
    fn authenticate(&self, service: Service, request: &Request) -> Result<Identity, ServiceError> {
        let Some(scope) = request.scope() else {
            return Err(match request.header("authorization") {
                None => service.missing_token_error(),
                Some(_) => ServiceError::new(
                    400,
                    "IncompleteSignature",
                    "The request signature does not conform to AWS standards.",
                ),
            });
        };
        if scope.service().is_none() {
            return Err(ServiceError::new(
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
            .ok_or_else(|| service.unknown_key_error())
    }

    fn within_rate_limit(&mut self, source: &Source) -> bool {
        let Some(limit) = self.rate_limit else {
            return true;
        };
        self.token_buckets
            .entry(source.clone())
            .or_insert_with(|| TokenBucket::full(limit))
            .try_acquire(limit)
    }
}

/// Returns the reply of an effect that prevents the execution of the call.
fn reply_without_execution(
    service: Service,
    operation: &str,
    caller: &Identity,
    effect: Option<&Effect>,
    request_id: &str,
) -> Option<Reply> {
    let error = match effect? {
        Effect::Error {
            status,
            code,
            message,
        } => ServiceError::new(*status, code, message),
        Effect::Throttle => service.throttling_error(),
        Effect::Denied => service.access_denied_error(&caller.arn, operation),
        Effect::ExpiredToken => service.expired_token_error(),
        Effect::InternalError => service.internal_error(),
        Effect::Unavailable => {
            let page = "<html><head><title>503 Service Unavailable</title></head><body><h1>503</h1></body></html>";
            return Some(Reply::Response(Response::new(503, "text/html", page)));
        }
        Effect::Raw {
            status,
            content_type,
            body,
        } => {
            return Some(Reply::Response(Response::new(
                *status,
                content_type,
                body.as_bytes(),
            )));
        }
        Effect::ResetBefore => return Some(Reply::Reset),
        Effect::NoResponse => return Some(Reply::NoResponse),
        _ => return None,
    };
    Some(Reply::Response(service.error_response(&error, request_id)))
}

/// Returns the reply for an executed call, corrupted by the effect if there is one.
fn reply_after_execution(mut response: Response, effect: Option<&Effect>) -> Reply {
    match effect {
        Some(Effect::Malformed) => response.body = b"{<malformed".to_vec(),
        Some(Effect::Empty) => response.body.clear(),
        Some(Effect::Truncated) => response.body.truncate(response.body.len() / 2),
        Some(Effect::CutOff) => return Reply::CutOff(response),
        Some(Effect::ResetAfter) => return Reply::Reset,
        _ => {}
    }
    Reply::Response(response)
}

//! STS: `GetCallerIdentity` and `AssumeRole`.

use jiff::SignedDuration;

use crate::call::CallMetadata;
use crate::http::query::{Form, success};
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::xml::escape;
use crate::identity::{Identity, role_id};
use crate::service::{Service, ServiceError};
use crate::world::{World, real_now};

/// Returns the metadata of a call.
pub(crate) fn call_metadata(request: &Request) -> CallMetadata {
    let form = Form::parse(request);
    CallMetadata {
        operation: form.get("Action").unwrap_or_default().to_owned(),
        target: form.get("RoleArn").unwrap_or_default().to_owned(),
        ..CallMetadata::default()
    }
}

/// Handles a call.
pub(crate) fn handle(
    world: &mut World,
    caller: &Identity,
    request: &Request,
    request_id: &str,
) -> Result<Response, ServiceError> {
    let form = Form::parse(request);
    let operation = form.get("Action").unwrap_or_default();
    let result = match operation {
        "GetCallerIdentity" => {
            let Identity {
                account,
                arn,
                user_id,
                ..
            } = caller;
            let (arn, user_id) = (escape(arn), escape(user_id));
            format!("<Arn>{arn}</Arn><UserId>{user_id}</UserId><Account>{account}</Account>")
        }
        "AssumeRole" => assume_role(world, caller, &form)?,
        other => {
            let message = format!("Could not find operation {other} for version 2011-06-15");
            return Err(ServiceError::new(400, "InvalidAction", message));
        }
    };
    Ok(success(Service::Sts, operation, &result, request_id))
}

fn assume_role(world: &mut World, caller: &Identity, form: &Form) -> Result<String, ServiceError> {
    let invalid = |message: String| ServiceError::new(400, "ValidationError", message);
    let missing = |name: &str| {
        invalid(format!(
            "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
        ))
    };
    let arn = form.get("RoleArn").ok_or_else(|| missing("roleArn"))?;
    let session = form
        .get("RoleSessionName")
        .ok_or_else(|| missing("roleSessionName"))?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if !(2..=64).contains(&session.len()) || !session.bytes().all(allowed) {
        return Err(invalid(format!(
            "Value '{session}' at 'roleSessionName' failed to satisfy constraint"
        )));
    }
    let seconds: i64 = form
        .get("DurationSeconds")
        .map_or(Ok(3600), str::parse)
        .unwrap_or(-1);
    if !(900..=43_200).contains(&seconds) {
        return Err(invalid(
            "The requested DurationSeconds is outside the range of 900 to 43200".to_owned(),
        ));
    }
    // STS returns the same error for a missing role and for a role that does not trust the caller.
    let trusted = world.roles.get(arn).is_some_and(|external_id| {
        external_id.is_none() || external_id.as_deref() == form.get("ExternalId")
    });
    if !trusted {
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
            caller.arn
        );
        return Err(ServiceError::new(403, "AccessDenied", message));
    }

    let serial = world.next_serial();
    let key = format!("ASIASIMULATED{serial:07}");
    let token = format!("SimulatedSession{serial:07}//////////");
    let identity = Identity::session(arn, session, token.clone());
    let assumed = escape(&identity.arn);
    let id = role_id(arn.rsplit('/').next().unwrap_or_default());
    world.keys.insert(key.clone(), identity);
    // By the real clock, because SDKs compare the expiration with it.
    let expiration =
        (real_now() + SignedDuration::from_secs(seconds)).strftime("%Y-%m-%dT%H:%M:%SZ");
    Ok(format!(
        "<AssumedRoleUser><AssumedRoleId>{id}:{session}</AssumedRoleId><Arn>{assumed}</Arn></AssumedRoleUser>\
         <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>simulated-secret-{serial}</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>{expiration}</Expiration></Credentials>"
    ))
}

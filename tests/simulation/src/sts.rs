//! STS: `GetCallerIdentity` and `AssumeRole`.

use jiff::SignedDuration;

use crate::answer::{Answer, Refusal, Service};
use crate::call::Heading;
use crate::identity::{Identity, role_id};
use crate::query::{Form, success};
use crate::request::Request;
use crate::world::{World, real_now};
use crate::xml::escape;

/// What the call is about.
pub(crate) fn heading(request: &Request) -> Heading {
    let form = Form::of(request);
    Heading {
        operation: form.get("Action").unwrap_or_default().to_owned(),
        target: form.get("RoleArn").unwrap_or_default().to_owned(),
        ..Heading::default()
    }
}

/// Answers the call.
pub(crate) fn perform(
    world: &mut World,
    caller: &Identity,
    request: &Request,
    request_id: &str,
) -> Result<Answer, Refusal> {
    let form = Form::of(request);
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
            return Err(Refusal::new(400, "InvalidAction", message));
        }
    };
    Ok(success(Service::Sts, operation, &result, request_id))
}

fn assume_role(world: &mut World, caller: &Identity, form: &Form) -> Result<String, Refusal> {
    let invalid = |message: String| Refusal::new(400, "ValidationError", message);
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
    // A role that does not exist and one that does not trust the caller look the same.
    let trusted = world.roles.get(arn).is_some_and(|external_id| {
        external_id.is_none() || external_id.as_deref() == form.get("ExternalId")
    });
    if !trusted {
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
            caller.arn
        );
        return Err(Refusal::new(403, "AccessDenied", message));
    }

    let serial = world.next_serial();
    let key = format!("ASIASIMULATED{serial:07}");
    let token = format!("SimulatedSession{serial:07}//////////");
    let identity = Identity::session(arn, session, token.clone());
    let assumed = escape(&identity.arn);
    let id = role_id(arn.rsplit('/').next().unwrap_or_default());
    world.keys.insert(key.clone(), identity);
    // By the real clock, wherever the world's stands: SDKs compare it with theirs.
    let expiration =
        (real_now() + SignedDuration::from_secs(seconds)).strftime("%Y-%m-%dT%H:%M:%SZ");
    Ok(format!(
        "<AssumedRoleUser><AssumedRoleId>{id}:{session}</AssumedRoleId><Arn>{assumed}</Arn></AssumedRoleUser>\
         <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>simulated-secret-{serial}</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>{expiration}</Expiration></Credentials>"
    ))
}

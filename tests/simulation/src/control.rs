//! Control over HTTP, at paths that no bucket can have: `/_calls`, `/_publishes`, `/_world`,
//! `/_fault`.

use hyper::Method;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::answer::Answer;
use crate::change::Change;
use crate::organization::Organization;
use crate::request::Request;

const JSON: &str = "application/json";

/// The answer to a control request; none when it is a call to AWS.
pub(crate) fn answer(organization: &Organization, request: &Request) -> Option<Answer> {
    let endpoint = request.path.strip_prefix("/_")?;
    Some(match (&request.method, endpoint) {
        (&Method::GET, "calls") => Answer::new(200, JSON, json!(organization.calls()).to_string()),
        (&Method::GET, "publishes") => {
            Answer::new(200, JSON, json!(organization.publishes()).to_string())
        }
        (&Method::POST, "world") => accept::<Vec<Change>>(request, |changes| {
            for change in changes {
                organization.apply(change);
            }
        }),
        (&Method::POST, "fault") => accept(request, |fault| organization.fault(fault)),
        _ => Answer::new(404, JSON, json!({"message": "no such control"}).to_string()),
    })
}

fn accept<T: DeserializeOwned>(request: &Request, act: impl FnOnce(T)) -> Answer {
    match serde_json::from_slice(&request.body) {
        Ok(given) => {
            act(given);
            Answer::new(200, JSON, "{}")
        }
        Err(error) => Answer::new(400, JSON, json!({"message": error.to_string()}).to_string()),
    }
}

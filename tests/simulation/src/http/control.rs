//! Control endpoints: `GET /_calls`, `GET /_publishes`, `GET /_events`, `POST /_world` and `POST
//! /_fault`.
//!
//! The paths cannot clash with S3, because bucket names cannot begin with an underscore.

use hyper::Method;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::http::request::Request;
use crate::http::response::Response;
use crate::organization::Organization;
use crate::world::change::Change;

const JSON: &str = "application/json";

/// Returns the response to a control request, or `None` for a call to AWS.
pub(crate) fn respond(organization: &Organization, request: &Request) -> Option<Response> {
    let endpoint = request.path.strip_prefix("/_")?;
    Some(match (&request.method, endpoint) {
        (&Method::GET, "calls") => {
            Response::new(200, JSON, json!(organization.calls()).to_string())
        }
        (&Method::GET, "publishes") => {
            Response::new(200, JSON, json!(organization.publishes()).to_string())
        }
        (&Method::GET, "events") => {
            Response::new(200, JSON, json!(organization.events()).to_string())
        }
        (&Method::POST, "world") => apply_body::<Vec<Change>>(request, |changes| {
            for change in changes {
                organization.apply(change);
            }
        }),
        (&Method::POST, "fault") => apply_body(request, |fault| organization.fault(fault)),
        _ => Response::new(
            404,
            JSON,
            json!({"message": "no such control endpoint"}).to_string(),
        ),
    })
}

fn apply_body<T: DeserializeOwned>(request: &Request, apply: impl FnOnce(T)) -> Response {
    match serde_json::from_slice(&request.body) {
        Ok(body) => {
            apply(body);
            Response::new(200, JSON, "{}")
        }
        Err(error) => Response::new(400, JSON, json!({"message": error.to_string()}).to_string()),
    }
}

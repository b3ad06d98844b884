//! The AWS query protocol: form-encoded parameters, XML responses.

use std::collections::BTreeMap;

use crate::http::request::Request;
use crate::http::response::Response;
use crate::service::Service;

/// Parameters of a query request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    pub fn parse(request: &Request) -> Self {
        let is_form = request
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        if !is_form {
            return Self::default();
        }
        Self(form_urlencoded::parse(&request.body).into_owned().collect())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns the numbers N of the parameters `<prefix>.N.*`, ascending and without duplicates.
    pub fn entries(&self, prefix: &str) -> Vec<u32> {
        let mut numbers: Vec<u32> = self
            .0
            .keys()
            .filter_map(|name| {
                name.strip_prefix(prefix)?
                    .strip_prefix('.')?
                    .split('.')
                    .next()?
                    .parse()
                    .ok()
            })
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

/// Returns a success response:
/// `<{operation}Response><{operation}Result>result</...></...>`.
pub(crate) fn success(
    service: Service,
    operation: &str,
    result: &str,
    request_id: &str,
) -> Response {
    let body = format!(
        "<{operation}Response xmlns=\"{}\"><{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>",
        service.namespace(),
    );
    Response::new(200, "text/xml", body)
}

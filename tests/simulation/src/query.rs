//! The AWS query protocol: parameters in a form, answers in XML.

use std::collections::BTreeMap;

use crate::answer::{Answer, Service};
use crate::request::Request;

/// The parameters of a query request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    pub fn of(request: &Request) -> Self {
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

    /// The numbers N for which any parameter `<prefix>.N.` is there, in order.
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

/// A success: `<{operation}Response><{operation}Result>result</...></...>`.
pub(crate) fn success(service: Service, operation: &str, result: &str, request_id: &str) -> Answer {
    let body = format!(
        "<{operation}Response xmlns=\"{}\"><{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>",
        service.namespace(),
    );
    Answer::new(200, "text/xml", body)
}

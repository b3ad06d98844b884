//! A received request, and the credential scope of its signature.

use hyper::body::Bytes;
use hyper::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

use crate::service::Service;

/// A request with its complete body.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub method: Method,
    /// Still percent-encoded.
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Credential scope of a signature: `<key>/<date>/<region>/<service>/aws4_request`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Access key id.
    pub key: String,
    pub region: String,
    pub service: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns a decoded parameter of the query string.
    pub fn parameter(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Returns bucket and key of the path, percent-decoded. A `+` in a path is a plus sign.
    pub fn bucket_and_key(&self) -> (String, String) {
        let decoded = percent_decode_str(self.path.trim_start_matches('/')).decode_utf8_lossy();
        let (bucket, key) = decoded.split_once('/').unwrap_or((&decoded, ""));
        (bucket.to_owned(), key.to_owned())
    }

    /// Returns the credential scope of the signature (`Authorization: AWS4-HMAC-SHA256
    /// Credential=..., SignedHeaders=..., Signature=...`).
    pub fn scope(&self) -> Option<Scope> {
        let (_, rest) = self.header("authorization")?.split_once("Credential=")?;
        let credential = rest.split([',', ' ']).next()?;
        let mut parts = credential.rsplit('/');
        if parts.next()? != "aws4_request" {
            return None;
        }
        let (service, region, _date) = (parts.next()?, parts.next()?, parts.next()?);
        let mut key: Vec<_> = parts.collect();
        key.reverse();
        Some(Scope {
            key: key.join("/"),
            region: region.to_owned(),
            service: service.to_owned(),
        })
    }

    /// Guesses the service of an unsigned request from its headers and parameters.
    pub fn apparent_service(&self) -> Service {
        if let Some(target) = self.header("x-amz-target") {
            return match target.split_once('.') {
                Some(("AWSEvents", _)) => Service::Events,
                Some(("AWSOrganizationsV20161128", _)) => Service::Organizations,
                _ => Service::Config,
            };
        }
        match crate::http::query::Form::parse(self).get("Action") {
            Some("Publish" | "GetTopicAttributes") => Service::Sns,
            Some(_) => Service::Sts,
            None => Service::S3,
        }
    }
}

impl Scope {
    /// Returns the service of the scope, if it is simulated.
    pub fn service(&self) -> Option<Service> {
        match self.service.as_str() {
            "config" => Some(Service::Config),
            "events" => Some(Service::Events),
            "organizations" => Some(Service::Organizations),
            "s3" => Some(Service::S3),
            "sns" => Some(Service::Sns),
            "sts" => Some(Service::Sts),
            _ => None,
        }
    }
}

//! The simulated services, and the error format of each.

use serde::{Deserialize, Serialize};

use crate::http::response::Response;
use crate::http::xml::escape;

/// A simulated service. In JSON it is the name from the credential scope of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// AWS Config: JSON 1.1.
    Config,
    /// EventBridge: JSON 1.1.
    Events,
    /// AWS Organizations: JSON 1.1.
    Organizations,
    /// S3: REST with XML errors.
    S3,
    /// SNS: the query protocol.
    Sns,
    /// STS: the query protocol.
    Sts,
}

/// An error of a service, independent of the wire format.
#[derive(Clone, Debug)]
pub(crate) struct ServiceError {
    /// HTTP status.
    pub status: u16,
    pub code: String,
    pub message: String,
}

impl ServiceError {
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
        }
    }
}

impl Service {
    /// Returns the error as a response in the service's wire format.
    ///
    /// JSON 1.1 names the error in `__type` and `x-amzn-ErrorType`. S3 returns an `Error` document.
    /// The query protocol wraps the error in `ErrorResponse` with the type `Sender` or `Receiver`.
    pub(crate) fn error_response(self, error: &ServiceError, request_id: &str) -> Response {
        let ServiceError {
            status,
            code,
            message,
        } = error;
        let mut response = match self {
            Self::Config | Self::Events | Self::Organizations => {
                let body = serde_json::json!({"__type": code, "message": message});
                Response::new(*status, "application/x-amz-json-1.1", body.to_string())
                    .header("x-amzn-errortype", code)
            }
            Self::S3 => {
                let body = format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>\
                     <RequestId>{request_id}</RequestId><HostId>simulated</HostId></Error>",
                    escape(code),
                    escape(message),
                );
                Response::new(*status, "application/xml", body)
            }
            Self::Sns | Self::Sts => {
                let error_type = if *status < 500 { "Sender" } else { "Receiver" };
                let body = format!(
                    "<ErrorResponse xmlns=\"{}\"><Error><Type>{error_type}</Type><Code>{}</Code><Message>{}</Message></Error>\
                     <RequestId>{request_id}</RequestId></ErrorResponse>",
                    self.namespace(),
                    escape(code),
                    escape(message),
                );
                Response::new(*status, "text/xml", body)
            }
        };
        response.code = Some(code.clone());
        response
    }

    /// Returns the XML namespace of the service's responses; empty for JSON services.
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Config | Self::Events | Self::Organizations => "",
            Self::S3 => "http://s3.amazonaws.com/doc/2006-03-01/",
            Self::Sns => "http://sns.amazonaws.com/doc/2010-03-31/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        }
    }

    /// Returns the name of the response header for the request id.
    pub(crate) fn request_id_header(self) -> &'static str {
        match self {
            Self::S3 => "x-amz-request-id",
            _ => "x-amzn-requestid",
        }
    }

    /// Returns the service's throttling error.
    pub(crate) fn throttling_error(self) -> ServiceError {
        match self {
            Self::Config | Self::Events => {
                ServiceError::new(400, "ThrottlingException", "Rate exceeded")
            }
            Self::Organizations => ServiceError::new(
                400,
                "TooManyRequestsException",
                "AWS Organizations can't complete your request because another request is already in progress. Try again later.",
            ),
            Self::S3 => ServiceError::new(503, "SlowDown", "Please reduce your request rate."),
            Self::Sns | Self::Sts => ServiceError::new(400, "Throttling", "Rate exceeded"),
        }
    }

    /// Returns the service's internal error.
    pub(crate) fn internal_error(self) -> ServiceError {
        let message = "We encountered an internal error. Please try again.";
        match self {
            Self::Config | Self::Sts => ServiceError::new(500, "InternalFailure", message),
            Self::Events => ServiceError::new(500, "InternalException", message),
            Self::Organizations => ServiceError::new(500, "ServiceException", message),
            Self::S3 | Self::Sns => ServiceError::new(500, "InternalError", message),
        }
    }

    /// Returns the service's error for a call that IAM policies do not allow.
    pub(crate) fn access_denied_error(self, arn: &str, operation: &str) -> ServiceError {
        let message = |service: &str| {
            format!(
                "User: {arn} is not authorized to perform: {service}:{operation} because no identity-based policy allows \
                 the {service}:{operation} action"
            )
        };
        match self {
            Self::Config => ServiceError::new(400, "AccessDeniedException", message("config")),
            Self::Events => ServiceError::new(400, "AccessDeniedException", message("events")),
            Self::Organizations => {
                ServiceError::new(400, "AccessDeniedException", message("organizations"))
            }
            Self::S3 => ServiceError::new(403, "AccessDenied", "Access Denied"),
            Self::Sns => ServiceError::new(403, "AuthorizationError", message("SNS")),
            Self::Sts => ServiceError::new(403, "AccessDenied", message("sts")),
        }
    }

    /// Returns the service's error for an expired session token.
    pub(crate) fn expired_token_error(self) -> ServiceError {
        match self {
            Self::Config | Self::Events | Self::Organizations => ServiceError::new(
                400,
                "ExpiredTokenException",
                "The security token included in the request is expired",
            ),
            Self::S3 => ServiceError::new(400, "ExpiredToken", "The provided token has expired."),
            Self::Sns | Self::Sts => ServiceError::new(
                403,
                "ExpiredToken",
                "The security token included in the request is expired",
            ),
        }
    }

    /// Returns the service's error for an unknown access key or a wrong session token.
    pub(crate) fn unknown_key_error(self) -> ServiceError {
        match self {
            Self::Config | Self::Events | Self::Organizations => ServiceError::new(
                400,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
            Self::S3 => ServiceError::new(
                403,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            ),
            Self::Sns | Self::Sts => ServiceError::new(
                403,
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
            ),
        }
    }

    /// Returns the service's error for an unsigned request.
    pub(crate) fn missing_token_error(self) -> ServiceError {
        let message = "Request is missing Authentication Token";
        match self {
            Self::Config | Self::Events | Self::Organizations => {
                ServiceError::new(400, "MissingAuthenticationTokenException", message)
            }
            Self::S3 => ServiceError::new(403, "AccessDenied", "Access Denied"),
            Self::Sns | Self::Sts => ServiceError::new(403, "MissingAuthenticationToken", message),
        }
    }
}

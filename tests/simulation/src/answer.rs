//! What goes back over the wire, and how each service words a refusal.

use serde::{Deserialize, Serialize};

use crate::xml::escape;

/// The services spoken, by the name in a signature's credential scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// AWS Config: JSON 1.1.
    Config,
    /// AWS Organizations: JSON 1.1.
    Organizations,
    /// S3: REST with XML errors.
    S3,
    /// SNS: the query protocol.
    Sns,
    /// STS: the query protocol.
    Sts,
}

/// An HTTP answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// The error code in the body, for the journal.
    pub code: Option<String>,
}

impl Answer {
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
            code: None,
        }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// An error as a service means it, before it is put in that service's form.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
}

impl Refusal {
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
        }
    }
}

impl Service {
    /// The refusal in the service's own error form.
    ///
    /// JSON 1.1 names the error in `__type` and `x-amzn-ErrorType`; S3 answers a bare `Error`
    /// document; the query protocol wraps it in `ErrorResponse` with the side that is to blame.
    pub(crate) fn refuse(self, refusal: &Refusal, request_id: &str) -> Answer {
        let Refusal {
            status,
            code,
            message,
        } = refusal;
        let mut answer = match self {
            Self::Config | Self::Organizations => {
                let body = serde_json::json!({"__type": code, "message": message});
                Answer::new(*status, "application/x-amz-json-1.1", body.to_string())
                    .header("x-amzn-errortype", code)
            }
            Self::S3 => {
                let body = format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>\
                     <RequestId>{request_id}</RequestId><HostId>simulated</HostId></Error>",
                    escape(code),
                    escape(message),
                );
                Answer::new(*status, "application/xml", body)
            }
            Self::Sns | Self::Sts => {
                let side = if *status < 500 { "Sender" } else { "Receiver" };
                let body = format!(
                    "<ErrorResponse xmlns=\"{}\"><Error><Type>{side}</Type><Code>{}</Code><Message>{}</Message></Error>\
                     <RequestId>{request_id}</RequestId></ErrorResponse>",
                    self.namespace(),
                    escape(code),
                    escape(message),
                );
                Answer::new(*status, "text/xml", body)
            }
        };
        answer.code = Some(code.clone());
        answer
    }

    /// The XML namespace of the service's answers.
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Config | Self::Organizations => "",
            Self::S3 => "http://s3.amazonaws.com/doc/2006-03-01/",
            Self::Sns => "http://sns.amazonaws.com/doc/2010-03-31/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        }
    }

    /// The header that carries the request id.
    pub(crate) fn request_id_header(self) -> &'static str {
        match self {
            Self::S3 => "x-amz-request-id",
            _ => "x-amzn-requestid",
        }
    }

    /// How the service says that it is called too often.
    pub(crate) fn throttled(self) -> Refusal {
        match self {
            Self::Config => Refusal::new(400, "ThrottlingException", "Rate exceeded"),
            Self::Organizations => Refusal::new(
                400,
                "TooManyRequestsException",
                "AWS Organizations can't complete your request because another request is already in progress. Try again later.",
            ),
            Self::S3 => Refusal::new(503, "SlowDown", "Please reduce your request rate."),
            Self::Sns | Self::Sts => Refusal::new(400, "Throttling", "Rate exceeded"),
        }
    }

    /// How the service says that it failed inside.
    pub(crate) fn broken(self) -> Refusal {
        let message = "We encountered an internal error. Please try again.";
        match self {
            Self::Config | Self::Sts => Refusal::new(500, "InternalFailure", message),
            Self::Organizations => Refusal::new(500, "ServiceException", message),
            Self::S3 | Self::Sns => Refusal::new(500, "InternalError", message),
        }
    }

    /// How the service says that policies do not allow the call.
    pub(crate) fn denied(self, arn: &str, operation: &str) -> Refusal {
        let message = |service: &str| {
            format!(
                "User: {arn} is not authorized to perform: {service}:{operation} because no identity-based policy allows \
                 the {service}:{operation} action"
            )
        };
        match self {
            Self::Config => Refusal::new(400, "AccessDeniedException", message("config")),
            Self::Organizations => {
                Refusal::new(400, "AccessDeniedException", message("organizations"))
            }
            Self::S3 => Refusal::new(403, "AccessDenied", "Access Denied"),
            Self::Sns => Refusal::new(403, "AuthorizationError", message("SNS")),
            Self::Sts => Refusal::new(403, "AccessDenied", message("sts")),
        }
    }

    /// How the service says that a session token has run out.
    pub(crate) fn expired(self) -> Refusal {
        match self {
            Self::Config | Self::Organizations => Refusal::new(
                400,
                "ExpiredTokenException",
                "The security token included in the request is expired",
            ),
            Self::S3 => Refusal::new(400, "ExpiredToken", "The provided token has expired."),
            Self::Sns | Self::Sts => Refusal::new(
                403,
                "ExpiredToken",
                "The security token included in the request is expired",
            ),
        }
    }

    /// How the service says that it does not know the credentials.
    pub(crate) fn unknown_caller(self) -> Refusal {
        match self {
            Self::Config | Self::Organizations => Refusal::new(
                400,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
            Self::S3 => Refusal::new(
                403,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            ),
            Self::Sns | Self::Sts => Refusal::new(
                403,
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
            ),
        }
    }

    /// How the service says that a request is not signed.
    pub(crate) fn unsigned(self) -> Refusal {
        let message = "Request is missing Authentication Token";
        match self {
            Self::Config | Self::Organizations => {
                Refusal::new(400, "MissingAuthenticationTokenException", message)
            }
            Self::S3 => Refusal::new(403, "AccessDenied", "Access Denied"),
            Self::Sns | Self::Sts => Refusal::new(403, "MissingAuthenticationToken", message),
        }
    }
}

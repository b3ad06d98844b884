//! The Lambda function: an event and a context in, a response or a typed error out.

mod handler;
mod init;

pub use handler::Handler;
pub use init::{InitError, ensure_lambda, init_logging, report_init_error, serve};

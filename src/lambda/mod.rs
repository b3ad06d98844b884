//! Lambda function: initialization, and the handler of invocations.

mod handler;
mod init;

pub use handler::Handler;
pub use init::{InitError, ensure_lambda, init_logging, report_init_error, serve};

//! The HTTP layer: the server, requests, responses and the control endpoints.

pub(crate) mod control;
pub(crate) mod payload;
pub(crate) mod query;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod server;
pub(crate) mod xml;

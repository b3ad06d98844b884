//! Simulated AWS organization: one loopback HTTP/1.1 server that implements the parts of AWS
//! Config, AWS Organizations, EventBridge, S3, SNS and STS that packwatch calls.
//!
//! [`Organization`] holds the simulated state: accounts, conformance packs and their members,
//! buckets, topics, event buses, roles and injected faults. [`Server`] serves it on a port. The
//! simulation keeps a record of everything that callers do: [`Call`]s, [`Publish`]es, [`PutEvent`]s
//! and every [`Version`] of every object. The wire formats follow the botocore 1.44 service models
//! and the API references of the six services; `tests/e2e/simulation_contract_test.py` checks them
//! with boto3.
//!
//! | module | content |
//! | --- | --- |
//! | `http` | server, requests, responses, control endpoints |
//! | `dispatch` | authentication, rate limit, faults and routing of one call |
//! | `config`, `events`, `organizations`, `s3`, `sns`, `sts` | the six services |
//! | `service` | service names and the error format of each service |
//! | `faults` | injected faults and rate limits |
//! | `world` | the simulated state, and the changes that can be applied to it |

mod call;
pub mod cli;
mod config;
mod dispatch;
mod events;
mod faults;
mod http;
mod identity;
mod organization;
mod organizations;
mod s3;
mod serde_millis;
mod service;
mod sns;
mod sts;
mod world;

pub use call::Call;
pub use config::status_record::StatusRecord;
pub use events::PutEvent;
pub use faults::rate_limit::RateLimit;
pub use faults::{Effect, Fault, Occurrence};
pub use http::server::Server;
pub use organization::Organization;
pub use s3::Version;
pub use service::Service;
pub use sns::{Attribute, Publish};
pub use world::change::Change;

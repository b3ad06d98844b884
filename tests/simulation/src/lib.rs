//! A simulated organization: one loopback HTTP/1.1 server that speaks the wire of AWS Config, AWS
//! Organizations, S3, SNS and STS as far as packwatch calls them.
//!
//! [`Organization`] is the world: accounts, conformance packs and their members, buckets, topics,
//! roles, and the script of what goes wrong. [`Server`] puts it on a port. Everything a caller did
//! is kept: [`Call`]s, [`Publish`]es and every [`Version`] of every object. The wire shapes follow
//! the botocore 1.44 service models and the API references of the five services;
//! `tests/simulation_boto3.py` holds them to boto3.

mod answer;
mod call;
mod change;
pub mod cli;
mod config;
mod control;
mod document;
mod fault;
mod identity;
mod millis;
mod organization;
mod organizations;
mod pack;
mod payload;
mod query;
mod rate;
mod request;
mod s3;
mod server;
mod serving;
mod sns;
mod status_record;
mod sts;
mod world;
mod xml;

pub use answer::Service;
pub use call::Call;
pub use change::Change;
pub use fault::{Effect, Fault, When};
pub use organization::Organization;
pub use rate::RateLimit;
pub use s3::Version;
pub use server::Server;
pub use sns::{Attribute, Publish};
pub use status_record::StatusRecord;

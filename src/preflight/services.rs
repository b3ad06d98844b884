//! The services that a preflight asks, and its limits.

use tokio::time::Instant;

use crate::input::plan::RunPlan;
use crate::model::Deployment;

/// The services of a preflight, and its limits.
#[derive(Debug)]
pub struct Preflight<'a, C, S, P> {
    /// AWS Config.
    pub config: &'a C,
    /// The bucket.
    pub store: &'a S,
    /// What only the preflight asks.
    pub api: &'a P,
    /// The plan of the invocation.
    pub plan: &'a RunPlan,
    /// Where the invocation executes.
    pub deployment: &'a Deployment,
    /// When the last question must be answered.
    pub deadline: Instant,
    /// When the result must be stored.
    pub write_deadline: Instant,
}

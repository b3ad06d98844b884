//! The request to check the setup.

use tokio::time::Instant;

use super::caller::Caller;
use super::error::RunError;
use super::execution::duration_until;
use super::services::Services;
use crate::input::plan::RunPlan;
use crate::metrics::RunMetrics;
use crate::ports::Clock;
use crate::preflight::Preflight;
use crate::report::Response;

/// Checks the setup. `write_deadline` is when the result must be stored.
pub(super) async fn check<S: Services>(
    services: &S,
    plan: &RunPlan,
    caller: &Caller,
    write_deadline: Instant,
) -> (Result<Response, RunError>, RunMetrics) {
    let now = services.clock().now();
    let preflight = Preflight {
        config: services.config(),
        store: services.store(),
        api: services.preflight(),
        plan,
        deployment: &caller.deployment,
        deadline: Instant::now() + duration_until(now, plan.timing.read_deadline),
        write_deadline,
    };
    match preflight.run().await {
        Ok(result) => {
            let metrics = RunMetrics {
                config_calls: result.config_calls,
                ..RunMetrics::default()
            };
            (Ok(Response::Checked(result.checked)), metrics)
        }
        Err(error) => (Err(RunError::InvalidSettings(error)), RunMetrics::default()),
    }
}

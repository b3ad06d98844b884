//! Crash tests: one run crashes at every service call, before or after the effect of the call.
//!
//! After each crash, runs without faults must reach the same final state as after an injected
//! fault; see `fault_injection`.

use std::time::Duration;

use packwatch_simulation::{Effect, Fault, Service};
use serde_json::{Value, json};

use super::fault_injection::{assert_converges, calls_of_run, changed_env};

/// A crash is simulated by dropping the run while it waits for a response that does not arrive.
#[tokio::test]
async fn crash_at_any_call_loses_no_change() {
    crash_at_any_call(&json!({}), |_| true).await;
}

/// Reading is the same as in any other run.
#[tokio::test]
async fn crash_in_run_with_summary_loses_no_change() {
    let delivers = |service| service != Service::Config && service != Service::Sts;
    crash_at_any_call(&json!({"summary": true}), delivers).await;
}

#[tokio::test]
async fn crash_in_test_notification_changes_nothing() {
    crash_at_any_call(&json!({"test": true}), |_| true).await;
}

/// Crashes runs of `event` at the calls of these services.
async fn crash_at_any_call(event: &Value, services: impl Fn(Service) -> bool) {
    let calls = calls_of_run(event).await.into_iter();
    let mut cases = 0;
    for (call, nth) in calls.filter(|(call, _)| services(call.service)) {
        for (when, effect) in [
            ("before", Effect::NoResponse),
            ("after", Effect::Delay(Duration::from_secs(30))),
        ] {
            let mut env = changed_env().await;
            env.timeouts.attempt = Duration::from_mins(1);
            let fault = Fault::new(effect)
                .service(call.service)
                .operation(&call.operation)
                .target(&call.target);
            env.world.fault(fault.nth(nth));
            let case = format!(
                "{event}: a crash {when} {} {} #{nth}",
                call.operation, call.target
            );
            let run = env.invoke(event.clone());
            let result = tokio::time::timeout(Duration::from_millis(400), run).await;
            assert!(result.is_err(), "{case}: the run returned");
            env.world.clear_faults();
            assert_converges(&case, &env).await;
            cases += 1;
        }
    }
    println!("{cases} crashes of {event}");
}

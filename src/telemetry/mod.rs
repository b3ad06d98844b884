//! What an invocation measured: the names and units of the metrics, and the one line of [embedded
//! metric
//! format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html)
//! that CloudWatch makes them of. No call and no permission is needed for that.

mod line;

use jiff::{SignedDuration, Timestamp};

use crate::input::plan::RunPlan;
use crate::ledger::Ledger;
use crate::model::FailureKey;

/// The namespace of the metrics.
pub const NAMESPACE: &str = "packwatch";
/// Their one dimension: the name of the function.
pub const DIMENSION: &str = "FunctionName";

/// Every metric, with its unit as CloudWatch writes it.
pub const METRICS: [(&str, &str); 14] = [
    ("RunCommitted", "Count"),
    ("RunIncomplete", "Count"),
    ("PacksFailing", "Count"),
    ("AccountsFailing", "Count"),
    ("FailuresOpen", "Count"),
    ("Appeared", "Count"),
    ("Cleared", "Count"),
    ("Gaps", "Count"),
    ("OldestFailureAge", "Seconds"),
    ("OldestUntoldAge", "Seconds"),
    ("ConfigCalls", "Count"),
    ("ConfigThrottles", "Count"),
    ("ReadTime", "Milliseconds"),
    ("RunTime", "Milliseconds"),
];

/// What one invocation measured, as far as it came. What it does not know it leaves out: a missing
/// value is no zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measures {
    /// Whether its run is stored.
    pub committed: bool,
    /// Whether everything in scope was read, where that is recorded.
    pub complete: Option<bool>,
    /// What this run found to be due and not told, and what told and better, where it stored that.
    pub changes: Option<Changes>,
    /// The ledger as it is stored.
    pub gauges: Option<Gauges>,
    /// Calls to AWS Config, retries not counted.
    pub config_calls: u64,
    /// Attempts that AWS Config throttled.
    pub config_throttles: u64,
    /// How long AWS Config was read.
    pub read_time: SignedDuration,
    /// How long the invocation took.
    pub run_time: SignedDuration,
}

/// The changes of a run, towards the digest topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changes {
    /// Due and not told before.
    pub appeared: usize,
    /// Told, and better now.
    pub cleared: usize,
}

/// What a ledger says of everything that is watched, whatever the run looked at. Ignored failures
/// do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Packs with an open failure.
    pub packs_failing: usize,
    /// Open failures of member accounts.
    pub accounts_failing: usize,
    /// Open failures.
    pub failures_open: usize,
    /// What was not read when it was last to be.
    pub gaps: usize,
    /// How long the oldest open failure has been failing.
    pub oldest_failure_age: SignedDuration,
    /// How long a digest has been waiting for the digest topic to take it.
    pub oldest_untold_age: SignedDuration,
}

impl Gauges {
    /// What `ledger` says at the time `now`.
    pub fn of(ledger: &Ledger, plan: &RunPlan, now: Timestamp) -> Self {
        let age = |since: Timestamp| now.duration_since(since).max(SignedDuration::ZERO);
        let mut gauges = Self::default();
        let mut pack = None;
        for (key, open) in ledger
            .open
            .iter()
            .filter(|(key, _)| !plan.policy.ignores(key))
        {
            // The failures of a pack are beside each other.
            if pack.replace(&key.pack) != Some(&key.pack) {
                gauges.packs_failing += 1;
            }
            gauges.accounts_failing += usize::from(!FailureKey::is_pack(key));
            gauges.failures_open += 1;
            gauges.oldest_failure_age = gauges.oldest_failure_age.max(age(open.failing_since));
        }
        gauges.gaps = ledger
            .gaps
            .values()
            .filter(|gap| gap.ended.is_none())
            .count();
        let head = ledger
            .audiences
            .get(&plan.topic)
            .and_then(|receiver| receiver.head.as_ref());
        gauges.oldest_untold_age = head
            .and_then(|head| head.made_at)
            .map(age)
            .unwrap_or_default();
        gauges
    }
}

/// Writes the metrics of every invocation.
#[derive(Debug)]
pub struct Meter {
    function: String,
    level: String,
    write: fn(&str),
}

impl Meter {
    /// Metrics of the function that `lookup`, which answers like the environment, names. `write` is
    /// given one line at a time.
    pub fn new(lookup: impl Fn(&str) -> Option<String>, write: fn(&str)) -> Self {
        let set = |name| lookup(name).filter(|value| !value.is_empty());
        Self {
            function: set("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| NAMESPACE.to_owned()),
            // A line without a level counts as INFO, and Lambda drops what is below the function's
            // level.
            level: set("AWS_LAMBDA_LOG_LEVEL").unwrap_or_else(|| "INFO".to_owned()),
            write,
        }
    }

    /// Writes the line of one invocation, which ended at `now`.
    pub fn tell(&self, measures: &Measures, now: Timestamp) {
        match line::line(measures, &self.function, &self.level, now) {
            Ok(line) => (self.write)(&line),
            Err(error) => tracing::warn!(error, "the metrics of this run could not be written"),
        }
    }
}

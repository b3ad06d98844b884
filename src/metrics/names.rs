//! Names and units of the metrics.

/// CloudWatch namespace of the metrics.
pub const NAMESPACE: &str = "packwatch";

/// The only dimension of the metrics; its value is the name of the function.
pub const DIMENSION: &str = "FunctionName";

/// The metrics that have an alarm in the template.
pub const ALARM_METRICS: [&str; 3] = [
    "RunCommitted",
    "RunIncomplete",
    "OldestUndeliveredDigestAge",
];

/// Name and CloudWatch unit of every metric.
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
    ("OldestUndeliveredDigestAge", "Seconds"),
    ("ConfigCalls", "Count"),
    ("ConfigThrottles", "Count"),
    ("ReadTime", "Milliseconds"),
    ("RunTime", "Milliseconds"),
];

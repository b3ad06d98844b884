//! The names and units of the metrics.

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

//! The organization of the situations: accounts, packs, and causes of failures in the words of AWS.

use packwatch_simulation::StatusRecord;

/// An account that deploys packs too.
pub const OTHER: &str = "444455556666";
/// The role that packwatch reads as in it.
pub const ROLE: &str = "arn:aws:iam::444455556666:role/packwatch-reader";
pub const REGIONS: [&str; 3] = ["eu-west-1", "eu-central-1", "us-east-1"];

pub const PACKS: [&str; 20] = [
    "Operational-Best-Practices-for-CIS-AWS-v1.4-Level2",
    "Operational-Best-Practices-for-NIST-800-53-rev-5",
    "Operational-Best-Practices-for-PCI-DSS",
    "security-baseline",
    "iam-guardrails",
    "s3-guardrails",
    "encryption-at-rest",
    "logging-and-monitoring",
    "network-perimeter",
    "backup",
    "tagging",
    "cost-hygiene",
    "eks",
    "rds",
    "lambda",
    "ec2-hardening",
    "kms-rotation",
    "vpc-flow-logs",
    "data-residency",
    "gdpr",
];

pub fn account(number: usize) -> String {
    format!("{:012}", 210_000_000_000 + number * 7_919_113)
}

pub fn account_name(number: usize) -> String {
    let teams = [
        "payments",
        "data-lake",
        "identity",
        "web",
        "mobile",
        "logistics",
        "billing",
        "ml-platform",
        "search",
        "sandbox",
    ];
    let stages = ["prod", "staging", "dev", "test"];
    let suffix = match number / 40 {
        0 => String::new(),
        more => format!("-{more}"),
    };
    format!(
        "{}-{}{suffix}",
        teams[number % 10],
        stages[(number / 10) % 4]
    )
}

/// Returns the status record of a cause.
pub fn cause(number: usize, account: &str, region: &str) -> StatusRecord {
    match number % 6 {
        0 => StatusRecord::new("CREATE_FAILED")
            .code("NoAvailableConfigurationRecorderException")
            .message(format!(
                "There is no configuration recorder available in account {account}."
            ))
            .updated("2026-02-27T10:00:00Z"),
        1 => StatusRecord::new("UPDATE_FAILED")
            .code("InsufficientPermissionsException")
            .message(format!(
                "User: arn:aws:sts::{account}:assumed-role/AWSServiceRoleForConfigConforms/AwsConfigConformsWorkflow \
                 is not authorized to perform: config:PutConfigRule on resource: arn:aws:config:{region}:{account}:\
                 config-rule/config-rule-abc123 with an explicit deny in a service control policy"
            ))
            .updated("2026-02-28T22:14:00Z"),
        2 => StatusRecord::new("UPDATE_FAILED")
            .code("ConformancePackTemplateValidationException")
            .message(
                "Template error: instance of Fn::If references undefined condition 'HasMfaParam'",
            )
            .updated("2026-03-01T04:31:00Z"),
        3 => StatusRecord::new("UPDATE_FAILED")
            .code("MaxNumberOfConfigRulesExceededException")
            .message(format!(
                "Failed to put config rules in account {account}: the maximum number of config rules per region \
                 (1000) was reached."
            ))
            .updated("2026-01-15T12:00:00Z"),
        4 => StatusRecord::new("CREATE_FAILED")
            .code("AccessDeniedException")
            .message("The role AWSServiceRoleForConfigConforms is missing or cannot be assumed.")
            .updated("2026-02-20T09:09:00Z"),
        _ => StatusRecord::new("UPDATE_FAILED").updated("2026-03-01T05:45:00Z"),
    }
    .pack_name("OrgConformsPack-some-pack-ab12cd34")
}

/// A message of AWS Config that somebody has published.
#[derive(serde::Deserialize)]
pub struct RealMessage {
    pub status: String,
    pub code: Option<String>,
    pub message: Option<String>,
    pub account_state: Option<String>,
}

/// Returns real messages of AWS Config about member accounts.
pub fn real_messages() -> Vec<RealMessage> {
    let json = include_str!("../../tests/fixtures/member_errors.json");
    serde_json::from_str(json).expect("the fixture is JSON")
}

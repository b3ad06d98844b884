//! Remediation advice for known causes of failures and gaps.

use super::grouping::FailureGroup;

impl FailureGroup<'_> {
    /// Returns the advice for the cause of the group, if it is known.
    pub(super) fn remediation(&self) -> Option<&'static str> {
        let text = format!(
            "{} {}",
            self.code.unwrap_or_default(),
            self.message.as_deref().unwrap_or_default()
        );
        REMEDIATIONS
            .iter()
            .find(|(patterns, _)| patterns.iter().any(|pattern| text.contains(pattern)))
            .map(|(_, remediation)| *remediation)
    }
}

const PERMISSIONS: &str =
    "check service control policies and the roles of AWS Config in these accounts";

/// Returns the advice for a gap with the error code `code`, if it is known.
pub(super) fn gap_remediation(code: &str) -> Option<&'static str> {
    Some(match code {
        "OrganizationAccessDeniedException" => {
            "call from the management account or from a delegated administrator of AWS Config; after a change of administrator, wait"
        }
        "AccessDeniedException" | "AccessDenied" | "UnrecognizedClientException" => {
            "check the permissions of the function or of the role, service control policies, and whether the region is turned on"
        }
        "ThrottlingException" => "lower CONCURRENCY, or give the function more time",
        "DeadlineExceeded" => "give the function a longer timeout",
        _ => return None,
    })
}

/// Advice by substrings of the error code or message; the first match applies. The substrings are
/// from errors seen in practice: AWS publishes no list.
const REMEDIATIONS: &[(&[&str], &str)] = &[
    (&["not authorized"], PERMISSIONS),
    (
        &[
            "NoAvailableConfigurationRecorder",
            "NoAvailableDeliveryChannel",
            "configuration recorder",
        ],
        "turn on AWS Config (a recorder and a delivery channel) in these accounts and regions",
    ),
    (
        &["AWSServiceRoleForConfigConforms"],
        "create the service-linked role for config-conforms.amazonaws.com in these accounts",
    ),
    (
        &[
            "MaxNumberOfConfigRules",
            "MaxNumberOfConformancePacks",
            "LimitExceeded",
            "limit exceeded",
            "quota",
        ],
        "these accounts are at an AWS Config quota: remove rules or packs there, or raise the quota",
    ),
    (
        &["suspended", "Suspended"],
        "the account is suspended: exclude it from the pack, or close it",
    ),
    (
        &["AccessDenied", "InsufficientPermissions", "ermission"],
        PERMISSIONS,
    ),
    (
        &["TemplateValidation", "InvalidParameter", "ValidationError"],
        "the pack's template or parameters are refused: correct them and deploy the pack again",
    ),
];

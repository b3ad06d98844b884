//! General causes, which apply if no specific one does. The comment above each entry
//! says where its code or message was seen.

use super::pattern::Entry;
use super::pattern::Pattern::{Code, NoReason, Stuck, Text};

pub(super) const GENERAL: &[Entry] = &[
    // https://github.com/aws-cloudformation/rain/issues/461
    Entry {
        title: "Rule owned by an AWS service",
        short_title: "rule owned by an AWS service",
        patterns: &[Text("owns servicelinkedconfigrule")],
        action: "Change the rule only through the pack or the service that owns it, not by hand and not through its \
                 stack.",
    },
    // https://github.com/widdix/mastodon-on-aws/issues/27
    // https://github.com/aws-samples/eb-php-wordpress/issues/25
    Entry {
        title: "Resource already exists",
        short_title: "resource already exists",
        patterns: &[
            Code("AlreadyExists"),
            Text("already exists in stack"),
            Text("' already exists."),
        ],
        action: "Delete or rename the resource that the message names in {accounts}, then deploy the pack again.",
    },
    // https://github.com/hashicorp/terraform/pull/14269
    // https://github.com/org-formation/aws-resource-providers/issues/121
    Entry {
        title: "Another change is running",
        short_title: "another change is running",
        patterns: &[
            Code("ResourceInUse"),
            Code("ConflictException"),
            Text("is currently being deleted"),
            Text("another request is already in progress"),
        ],
        action: "Wait until the other change has ended, then deploy the pack again.",
    },
    // https://github.com/trailofbits/algo/issues/1519
    Entry {
        title: "Stack cannot be updated",
        short_title: "stack cannot be updated",
        patterns: &[
            Text("rollback_complete state"),
            Text("rollback_failed state"),
            Text("state and can not be updated"),
        ],
        action: "Exclude {accounts} from the pack, which deletes {stack}. Then include {accounts} again.",
    },
    // https://github.com/aws/aws-cli/issues/3002
    Entry {
        title: "Throttled by AWS",
        short_title: "throttled by AWS",
        patterns: &[
            Code("Throttling"),
            Code("TooManyRequests"),
            Text("rate exceeded"),
        ],
        action: "Deploy the pack again, while no other pack is being deployed.",
    },
    // https://github.com/trussworks/terraform-aws-config/issues/69
    // https://github.com/tmobile/pacbot/issues/253
    Entry {
        title: "At another AWS quota",
        short_title: "at another AWS quota",
        patterns: &[
            Code("MaxNumberOfConfigurationRecordersExceeded"),
            Code("MaxNumberOfDeliveryChannelsExceeded"),
            Code("MaxNumberOfOrganizationConformancePacksExceeded"),
            Code("MaxActiveResourcesExceeded"),
            Code("ResourceLimitExceeded"),
            Code("LimitExceeded"),
            Code("ServiceQuotaExceeded"),
        ],
        action: "Delete unneeded resources in {accounts}, or use Service Quotas to raise the quota that the message names.",
    },
    // https://github.com/aws-samples/aws2tf/issues/86
    // https://docs.aws.amazon.com/config/latest/APIReference/API_PutOrganizationConformancePack.html
    Entry {
        title: "Organization access refused",
        short_title: "organization access refused",
        patterns: &[
            Code("OrganizationAccessDenied"),
            Code("NoAvailableOrganization"),
            Code("OrganizationAllFeaturesNotEnabled"),
        ],
        action: "Deploy the pack from the management account or from the delegated administrator of AWS Config, with \
                 trusted access for AWS Config turned on.",
    },
    // https://github.com/aws/aws-sdk/issues/151
    // https://github.com/aws-solutions/automated-security-response-on-aws/issues/29
    // https://docs.aws.amazon.com/config/latest/APIReference/API_PutConformancePack.html
    Entry {
        title: "Access denied",
        short_title: "access denied",
        patterns: &[
            Code("AccessDenied"),
            Code("InsufficientPermissions"),
            Code("UnauthorizedOperation"),
            Text("not authorized to perform"),
        ],
        action: "Find what stops {caller} from calling {action} in {accounts}: its own policies, a service control \
                 policy, or the policy of the resource.",
    },
    // https://github.com/aws-quickstart/quickstart-hitrust-csf/issues/1
    // https://github.com/amazon-archives/aws-security-benchmark/issues/25
    Entry {
        title: "Resource of the stack failed",
        short_title: "resource of the stack failed",
        patterns: &[Text("the following resource(s) failed to")],
        action: "Look at the events of {stack} in {accounts}: the first failed event shows the reason.",
    },
    // https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/607
    Entry {
        title: "AWS internal error",
        short_title: "AWS internal error",
        patterns: &[
            Code("InternalError"),
            Code("InternalFailure"),
            Code("InternalServerError"),
            Code("InternalService"),
            Code("InternalServiceError"),
            Code("ServiceInternalError"),
            Code("ServiceUnavailable"),
            Text("internal failure"),
            Text("internal error"),
        ],
        action: "Deploy the pack again. If the error persists, check the AWS Health Dashboard and give the message to \
                 AWS Support.",
    },
    // https://docs.aws.amazon.com/config/latest/developerguide/troubleshooting-conformance-pack.html
    Entry {
        title: "Stuck in progress",
        short_title: "stuck in progress",
        patterns: &[Stuck],
        action: "Look at the events of {stack} in {accounts}. If there are none, deploy the pack again.",
    },
    Entry {
        title: "No reason given by AWS Config",
        short_title: "no reason given",
        patterns: &[NoReason],
        action: "AWS Config reports {status} without a reason. The first failed event of {stack} in {accounts} shows the reason.",
    },
];

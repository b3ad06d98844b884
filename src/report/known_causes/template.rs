//! The template of the pack, and the quotas that it meets. The comment above each entry
//! says where its code or message was seen.

use super::pattern::Entry;
use super::pattern::Pattern::{Code, Text, Texts};

pub(super) const TEMPLATE: &[Entry] = &[
    // https://github.com/hashicorp/terraform-provider-aws/pull/21722
    Entry {
        title: "At the quota of Config rules",
        short_title: "at the quota of Config rules",
        patterns: &[
            Code("MaxNumberOfConfigRulesExceeded"),
            Texts("account already contains", "config rules"),
        ],
        action: "The quota of {rules} is used up in {accounts}. Delete rules or packs there, or raise the quota in \
                 Service Quotas.",
    },
    // https://docs.aws.amazon.com/config/latest/APIReference/API_PutConformancePack.html
    // https://docs.aws.amazon.com/config/latest/developerguide/configlimits.html
    Entry {
        title: "At the quota of conformance packs",
        short_title: "at the quota of packs",
        patterns: &[
            Code("MaxNumberOfConformancePacksExceeded"),
            Text("maximum number of conformance packs"),
            Text("limit of the number of conformance packs"),
        ],
        action: "Delete conformance packs in {accounts}, or ask AWS Support to raise the quota, then deploy the pack \
                 again.",
    },
    // https://github.com/awslabs/aws-config-rules/issues/430
    // https://github.com/awslabs/aws-config-rdk/issues/247
    Entry {
        title: "Template too large",
        short_title: "template too large",
        patterns: &[
            Text("number of resources provided in the template exceeds"),
            Text("length less than or equal to 51200"),
        ],
        action: "Split the pack in two: a template is limited to 51,200 bytes and 130 rules.",
    },
    // https://github.com/rebuy-de/aws-nuke/pull/1001
    Entry {
        title: "Remediation in the way",
        short_title: "remediation in the way",
        patterns: &[
            Text("currently has a remediationconfiguration"),
            Code("RemediationInProgress"),
        ],
        action: "Delete the remediation of {rule} in {accounts}, or wait until it has ended, then repeat the change of \
                 the pack.",
    },
    // https://github.com/hashicorp/terraform-provider-aws/issues/31428
    Entry {
        title: "Remediation refused",
        short_title: "remediation refused",
        patterns: &[
            Text("invalid remediationparametervalues"),
            Code("InvalidDocument"),
            Code("InvalidAutomationExecutionParameters"),
        ],
        action: "Correct the remediation in the template: its parameters must fit the Systems Manager document, and \
                 {accounts} must be able to use that document.",
    },
    // https://github.com/awslabs/aws-config-rules/issues/437
    // https://github.com/niaid/terraform-aws-managed-config-rules/issues/46
    Entry {
        title: "Managed rule not available in region",
        short_title: "managed rule not available",
        patterns: &[Texts("sourceidentifier", "is invalid")],
        action: "AWS does not offer {managed_rule} in this region. Take it out of the template there, or correct its \
                 identifier.",
    },
    // https://github.com/niaid/terraform-aws-managed-config-rules/issues/57
    // https://github.com/trussworks/terraform-aws-config/pull/171
    // https://github.com/awslabs/aws-config-rules/issues/421
    Entry {
        title: "Parameter of a rule refused",
        short_title: "rule parameter refused",
        patterns: &[
            Text("in the inputparameters"),
            Text("property {/inputparameters}"),
            Text("maximum execution frequency for this rule is not allowed"),
        ],
        action: "Correct {parameter} of the rule in the template, then deploy the pack again.",
    },
    // https://github.com/openedx-unsupported/configuration/issues/1993
    // https://github.com/aws-samples/amazon-ec2-image-builder-samples/issues/18
    // https://github.com/aws/aws-toolkit-azure-devops/issues/75
    Entry {
        title: "Parameters of the template refused",
        short_title: "template parameters refused",
        patterns: &[
            Texts("parameters: ", "must have values"),
            Texts("parameters: ", "do not exist in the template"),
            Text("specified for a template which does not require them"),
        ],
        action: "Give the pack a value for each parameter of its template, and no others, then deploy it again.",
    },
    // https://github.com/awslabs/aws-config-rules/issues/430
    // https://github.com/awslabs/aws-iam-generator/issues/18
    // https://github.com/aws-cloudformation/cfn-lint/issues/92
    Entry {
        title: "Template refused",
        short_title: "template refused",
        patterns: &[
            Code("ConformancePackTemplateValidation"),
            Code("OrganizationConformancePackTemplateValidation"),
            Text("invalid conformance pack template"),
            Text("template format error"),
            Text("template validation error"),
            Text("template error: "),
            Text("references undefined condition"),
            Text("property validation failure"),
        ],
        action: "Correct the template as the message says, then deploy the pack again. One deployment reaches all \
                 accounts.",
    },
];

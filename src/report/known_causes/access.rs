//! Denied calls: policies, roles, keys, buckets and functions. The comment above each entry
//! says where its code or message was seen.

use super::pattern::Entry;
use super::pattern::Pattern::{Code, Text, Texts};

pub(super) const ACCESS: &[Entry] = &[
    // https://github.com/aws-samples/aws-secure-environment-accelerator/issues/871
    // https://github.com/awslabs/landing-zone-accelerator-on-aws/issues/1179
    Entry {
        title: "Denied by a service control policy",
        short_title: "denied by SCP",
        patterns: &[
            Text("explicit deny in a service control policy"),
            Text("because no service control policy allows"),
        ],
        action: "Let {caller} call {action} in {accounts}: exempt it from {policy}. If this is denied on purpose, \
                 exclude {accounts} from the pack.",
    },
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    Entry {
        title: "Denied by a resource control policy",
        short_title: "denied by RCP",
        patterns: &[
            Text("explicit deny in a resource control policy"),
            Text("because no resource control policy allows"),
        ],
        action: "Let {caller} call {action} from {accounts}: exempt it from {policy}.",
    },
    // https://github.com/noobaa/noobaa-core/issues/10060
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    Entry {
        title: "Denied by a policy in the account",
        short_title: "denied by a policy",
        patterns: &[
            Text("explicit deny"),
            Text("because no permissions boundary allows"),
            Text("because no session policy allows"),
            Text("because no vpc endpoint policy allows"),
        ],
        action: "Let {caller} call {action} in {accounts}: change {policy} that denies it.",
    },
    // https://github.com/awslabs/landing-zone-accelerator-on-aws/issues/857
    // https://docs.aws.amazon.com/config/latest/APIReference/API_PutConformancePack.html
    Entry {
        title: "Service-linked role missing",
        short_title: "service-linked role missing",
        patterns: &[
            Text("iam:createservicelinkedrole"),
            Text("create a service-linked role"),
            Text("create a service linked role"),
            Texts("awsservicerolefor", "does not exist"),
            Texts("awsservicerolefor", "is missing"),
            Texts("awsservicerolefor", "cannot be assumed"),
            Text("the role does not exist in the account"),
        ],
        action: "Create the service-linked role {linked_role} in {accounts}, then deploy the pack again.",
    },
    // https://github.com/superwerker/superwerker/issues/243
    // https://github.com/aws-samples/aws-security-reference-architecture-examples/issues/218
    // https://github.com/aws/aws-cli/issues/3516
    Entry {
        title: "Role cannot be assumed",
        short_title: "role cannot be assumed",
        patterns: &[
            Text("unable to assume"),
            Text("cannot assume"),
            Text("role with trust relationship to role"),
            Text("not authorized to perform: sts:assumerole"),
        ],
        action: "Check that {role} exists in {accounts}, and that its trust policy lets the caller in the message \
                 assume it.",
    },
    // https://github.com/ministryofjustice/modernisation-platform/issues/3468
    // https://docs.aws.amazon.com/config/latest/APIReference/API_PutDeliveryChannel.html
    Entry {
        title: "KMS key refused",
        short_title: "KMS key refused",
        patterns: &[
            Text("not authorized to perform: kms:"),
            Text("ciphertext refers to a customer master key"),
            Code("InvalidS3KmsKeyArn"),
            Code("KMSAccessDenied"),
        ],
        action: "Let {caller} use the KMS key of {bucket}: its key policy must allow kms:GenerateDataKey and \
                 kms:Decrypt.",
    },
    // https://docs.aws.amazon.com/config/latest/APIReference/API_PutDeliveryChannel.html
    // https://github.com/embulk/embulk-input-s3/pull/20
    Entry {
        title: "Delivery bucket missing",
        short_title: "delivery bucket missing",
        patterns: &[
            Code("NoSuchBucket"),
            Text("specified bucket does not exist"),
            Text("specified amazon s3 bucket does not exist"),
        ],
        action: "Create {bucket} again, or give the pack another delivery bucket, then deploy it again.",
    },
    // https://github.com/hashicorp/terraform-provider-aws/issues/8655
    // https://github.com/aws/aws-cdk/issues/13978
    Entry {
        title: "Delivery bucket refused",
        short_title: "delivery bucket refused",
        patterns: &[
            Code("InsufficientDeliveryPolicy"),
            Text("insufficient delivery policy"),
        ],
        action: "Let AWS Config in {accounts} write to {bucket}: its policy must allow s3:GetBucketAcl and \
                 s3:PutObject, and a KMS key must allow kms:GenerateDataKey.",
    },
    // https://github.com/kubernetes-retired/kube-aws/issues/143
    // https://github.com/F5Networks/f5-aws-cloudformation/issues/68
    Entry {
        title: "Template cannot be read",
        short_title: "template cannot be read",
        patterns: &[
            Text("must reference a valid s3 object"),
            Text("template validation error: s3 error"),
        ],
        action: "Check that the template is still in its bucket and that the bucket policy lets AWS Config and \
                 CloudFormation read it.",
    },
    // https://github.com/cloud-custodian/cloud-custodian/issues/3530
    // https://github.com/hashicorp/terraform-provider-aws/issues/8908
    Entry {
        title: "Rule function cannot be invoked",
        short_title: "rule function cannot be invoked",
        patterns: &[Text("cannot be invoked")],
        action: "Check that {function} exists, and that its policy lets AWS Config in {accounts} call \
                 lambda:InvokeFunction.",
    },
];

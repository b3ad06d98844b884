//! The state of the account, and what AWS Config needs in every account. The comment above each
//! entry says where its code or message was seen.

use super::pattern::Entry;
use super::pattern::Pattern::{Code, State, Text};

pub(super) const ACCOUNT: &[Entry] = &[
    // The state of the account:
    // https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html
    Entry {
        title: "Account suspended",
        short_title: "account suspended",
        patterns: &[State("SUSPENDED")],
        action: "No urgent action is needed: no pack can be deployed in a suspended account. Exclude {accounts} from the \
                 pack.",
    },
    Entry {
        title: "Account closed",
        short_title: "account closed",
        patterns: &[State("CLOSED")],
        action: "No urgent action is needed: no pack can be deployed in a closed account. Exclude {accounts} from the pack.",
    },
    Entry {
        title: "Account being closed",
        short_title: "account being closed",
        patterns: &[State("PENDING_CLOSURE")],
        action: "No urgent action is needed: an account that is being closed needs no pack. Exclude {accounts} from the pack.",
    },
    Entry {
        title: "Account not activated",
        short_title: "account not activated",
        patterns: &[State("PENDING_ACTIVATION")],
        action: "No urgent action is needed: the sign-up of {accounts} is not complete. Complete it, or exclude {accounts} \
                 from the pack.",
    },
    // https://github.com/awslabs/aws-service-catalog-products/issues/47
    // https://github.com/Appliscale/cloud-security-audit/issues/24
    // https://github.com/OTRF/Security-Datasets/issues/11
    Entry {
        title: "Service not activated in the account",
        short_title: "service not activated",
        patterns: &[
            Code("OptInRequired"),
            Code("SubscriptionRequired"),
            Code("PendingVerification"),
            Text("needs a subscription for the service"),
        ],
        action: "AWS has not activated its services in {accounts} yet. A new account is ready after a few hours: deploy \
                 the pack again then.",
    },
    // https://github.com/aws-samples/aws-control-tower-config-customization/issues/27
    // https://github.com/aws/chalice/issues/1445
    Entry {
        title: "Region not enabled",
        short_title: "region not enabled",
        patterns: &[
            Code("RegionDisabled"),
            Code("UnrecognizedClient"),
            Code("InvalidClientTokenId"),
            Text("security token included in the request is invalid"),
            Text("sts is not activated in this region"),
        ],
        action: "Enable the region in {accounts}, or exclude {accounts} from the pack in this region.",
    },
    // https://github.com/superwerker/superwerker/issues/291
    // https://github.com/aws-samples/aws-system-manager-automation-unencrypted-to-encrypted-resources/issues/17
    // https://github.com/awslabs/landing-zone-accelerator-on-aws/issues/517
    Entry {
        title: "No AWS Config recorder",
        short_title: "no Config recorder",
        patterns: &[
            Code("NoAvailableConfigurationRecorder"),
            Code("NoRunningConfigurationRecorder"),
            Code("NoSuchConfigurationRecorder"),
            Text("must create a configuration recorder"),
            Text("no configuration recorder"),
            Text("configuration recorder is not available"),
        ],
        action: "Turn on the configuration recorder and its delivery channel in {accounts}, then deploy the pack again.",
    },
    // https://docs.aws.amazon.com/config/latest/APIReference/API_StartConfigurationRecorder.html
    Entry {
        title: "No delivery channel for AWS Config",
        short_title: "no Config delivery channel",
        patterns: &[
            Code("NoAvailableDeliveryChannel"),
            Code("NoSuchDeliveryChannel"),
            Text("delivery channel is not available"),
        ],
        action: "Create the delivery channel of AWS Config in {accounts} and start the recorder, then deploy the pack \
                 again.",
    },
];

//! Advice: what to do about an error, by its cause.

use std::borrow::Cow;
use std::error::Error;

use super::error::{RunError, Unstored};
use crate::ledger::DecodeError;
use crate::model::ApiError;
use crate::ports::{BoxError, FailureCause, PutError, ServiceFailure};
use crate::report::gap_action;

/// Maximum number of causes for which the advice about sources says what to do.
const MAX_REMEDIES: usize = 3;

/// What to do about other runs that change the ledger at the same time.
const OTHER_RUNS: &str = "Other runs changed the ledger at the same time. If this happens again, start runs less often, or one \
                          after the other, or raise the timeout of the function.";

/// What a failed call to S3, SNS or EventBridge was to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
    Publish,
    PutEvents,
}

impl RunError {
    /// Returns the state that the failure left, and what to do.
    pub fn advice(&self) -> Cow<'static, str> {
        let (state, remedy) = match self {
            Self::InvalidSettings(_) => (
                "Nothing was read or written.",
                "Correct the variables and deploy again.".into(),
            ),
            Self::InvalidEvent(_) => (
                "Nothing was written.",
                "Correct the event and send it again.".into(),
            ),
            Self::CredentialsUnavailable { .. } => (
                "Nothing was read or written.",
                remedy_for(&FailureCause::Credentials, Access::Read),
            ),
            Self::AllSourcesFailed(gaps) => (
                "No failure was cleared; open failures stay open.",
                remedy_for_gaps(gaps.iter().map(|(_, cause)| cause)),
            ),
            Self::LedgerUnreadable { source, .. } => (
                "Nothing was written and nothing was sent.",
                remedy(Some(source), Access::Read),
            ),
            Self::LedgerVersionUnsupported { .. } => (
                "Nothing was written.",
                "Deploy the newer version again.".into(),
            ),
            Self::LedgerOwnedByAnother { .. } => (
                "Nothing was written and nothing was sent.",
                "Set SNAPSHOT_PREFIX to a prefix that no other function uses. If a deployed function is to take over the ledger, stop the \
                 other one and send this one the event {\"adopt_ledger\": true}. A dry run is always allowed."
                    .into(),
            ),
            Self::StoreFailed {
                unstored, source, ..
            } => (
                match unstored {
                    Unstored::Observation => {
                        "Nothing was sent and nothing is lost: the next run finds the same changes."
                    }
                    Unstored::Lease => {
                        "Nothing was sent and nothing is lost: the retry or the next run sends the digest."
                    }
                    Unstored::Request => {
                        "What the event asks for was not done, or not confirmed."
                    }
                },
                match unstored {
                    Unstored::Observation | Unstored::Lease => {
                        remedy(source.as_ref(), Access::Write)
                    }
                    Unstored::Request => {
                        remedy(source.as_ref(), Access::Write) + " Then send the event again."
                    }
                },
            ),
            Self::PublishFailed { receivers, .. } => (
                "The run is committed. Unless the log says that the digest was dropped, it is kept: the retry or the next run \
                 sends it.",
                match receivers.first() {
                    Some((receiver, cause)) if receiver.is_event_bus() => {
                        remedy(Some(cause), Access::PutEvents)
                    }
                    first => remedy(first.map(|(_, cause)| cause), Access::Publish),
                },
            ),
            Self::SettleFailed { source, .. } => (
                "The next run may send the digest again, under the same id.",
                remedy(source.as_ref(), Access::Write),
            ),
        };
        format!("{state} {remedy}").into()
    }
}

/// Returns what to do about sources that could not be listed, for at most [`MAX_REMEDIES`] different
/// causes.
fn remedy_for_gaps<'a>(causes: impl Iterator<Item = &'a ApiError>) -> Cow<'static, str> {
    let mut remedies: Vec<_> = causes.map(|cause| gap_action(cause).action).collect();
    remedies.sort();
    remedies.dedup();
    let more = remedies.len() > MAX_REMEDIES;
    remedies.truncate(MAX_REMEDIES);
    if more {
        remedies.push("The log has a line for each of the other sources.".into());
    }
    remedies.join(" ").into()
}

/// Returns what to do about a failed access. Without a cause, other runs changed the ledger first.
fn remedy(cause: Option<&BoxError>, access: Access) -> Cow<'static, str> {
    let Some(cause) = cause else {
        return OTHER_RUNS.into();
    };
    let cause: &(dyn Error + 'static) = cause.as_ref();
    if let Some(PutError::PreconditionFailed) = cause.downcast_ref() {
        return OTHER_RUNS.into();
    }
    if let Some(failure) = ServiceFailure::find(cause) {
        return remedy_for(&failure.cause, access);
    }
    let is_damaged = std::iter::successors(Some(cause), |&cause| cause.source())
        .any(<dyn Error>::is::<DecodeError>);
    if is_damaged {
        return "The object is damaged. Restore its previous version: list the versions with `aws s3api \
                list-object-versions`, and copy the last good one over it with `aws s3api copy-object --copy-source \
                bucket/key?versionId=...`."
            .into();
    }
    remedy_for(&FailureCause::Other, access)
}

fn remedy_for(cause: &FailureCause, access: Access) -> Cow<'static, str> {
    match (cause, access) {
        (FailureCause::Credentials, _) => {
            "In Lambda, check that the function's role still exists. Elsewhere, log in again, for example with `aws sso login`, or name a profile with AWS_PROFILE \
             or `--profile`; `aws sts get-caller-identity` shows whether it works."
        }
        (FailureCause::AccessDenied, Access::Read) => {
            "Allow s3:GetObject on the object and s3:ListBucket on the bucket, and check that no bucket policy, endpoint \
             policy or service control policy denies them."
        }
        (FailureCause::AccessDenied, Access::Write) => {
            "Allow s3:PutObject on the prefix. If the bucket's policy demands the header x-amz-server-side-encryption, set \
             SNAPSHOT_ENCRYPTION to what it demands: AES256, aws:kms, aws:kms:dsse or the ARN of a KMS key."
        }
        (FailureCause::AccessDenied, Access::Publish) => {
            "Allow sns:Publish on the topic, in the function's role and, if the topic is in another account, in the topic's \
             policy."
        }
        (FailureCause::AccessDenied, Access::PutEvents) => {
            "Allow events:PutEvents on the event bus, in the function's role and, if the bus is in another account, in the \
             policy of the bus."
        }
        (FailureCause::KmsKey, Access::Read | Access::Write) => {
            "Allow kms:Decrypt and kms:GenerateDataKey on the key that the message names, in the function's role and in the \
             key's policy, and check that the key is enabled. An object stays encrypted with its original key, even if the \
             bucket has another key now."
        }
        (FailureCause::KmsKey, Access::PutEvents) => {
            "Allow kms:Decrypt and kms:GenerateDataKey on the key of the event bus, in the function's role and in the key's \
             policy, and check that the key is enabled."
        }
        (FailureCause::KmsKey, Access::Publish) => {
            "Allow kms:Decrypt and kms:GenerateDataKey on the key of the topic, in the function's role and in the key's \
             policy, and check that the key is enabled."
        }
        (FailureCause::NoSuchBucket, _) => {
            "The bucket does not exist. Set SNAPSHOT_BUCKET to the bucket that holds the ledger."
        }
        (FailureCause::WrongRegion(Some(region)), _) => {
            return format!(
                "The bucket is in {region}. Deploy packwatch in {region}, or set SNAPSHOT_BUCKET to a bucket in the region of \
                 the function; outside Lambda, set AWS_REGION to {region}."
            )
            .into();
        }
        (FailureCause::WrongRegion(None), _) => {
            "The bucket is in another region. Set SNAPSHOT_BUCKET to a bucket in the region of the function; outside Lambda, \
             set AWS_REGION to the region of the bucket. `aws s3api head-bucket --bucket ...` shows it."
        }
        (FailureCause::Archived, _) => {
            "The object is in an archive storage class. Restore it with `aws s3api restore-object`, copy it over itself \
             with `aws s3api copy-object --storage-class STANDARD`, and exclude it from the lifecycle rule that archived it."
        }
        (FailureCause::Unreachable, Access::Publish) => {
            "If this persists, check the network: in a VPC, the route to SNS (an interface endpoint or a NAT gateway) and its \
             security groups; elsewhere, DNS, HTTPS_PROXY and NO_PROXY."
        }
        (FailureCause::Unreachable, Access::PutEvents) => {
            "If this persists, check the network: in a VPC, the route to EventBridge (an interface endpoint or a NAT gateway) \
             and its security groups; elsewhere, DNS, HTTPS_PROXY and NO_PROXY."
        }
        (FailureCause::Unreachable, _) => {
            "If this persists, check the network: in a VPC, the route to S3 (a gateway endpoint or a NAT gateway) and its \
             security groups; elsewhere, DNS, HTTPS_PROXY and NO_PROXY."
        }
        (FailureCause::UntrustedCertificate, _) => {
            "If a proxy inspects TLS or the endpoint has a private certificate, set AWS_CA_BUNDLE to a file with the \
             certificate of the authority that issued it, in PEM format."
        }
        (FailureCause::ForeignResponse, _) => {
            "The response did not come from AWS. If this persists, check what answers in its place: HTTPS_PROXY and NO_PROXY, \
             a firewall, or AWS_ENDPOINT_URL."
        }
        (FailureCause::OutOfTime, _) => {
            "Raise the timeout of the function, or check the log for what took so long."
        }
        (FailureCause::Other, Access::Read) => {
            "If this persists, look up the error code of S3 and check the AWS Health Dashboard."
        }
        (FailureCause::Other, Access::Write) => {
            "If this persists, check s3:PutObject on the prefix, the bucket's key, and the function's timeout."
        }
        (FailureCause::Other, Access::PutEvents) => {
            "If this persists, check that the event bus exists and that events:PutEvents (and the bus's key) is allowed."
        }
        (FailureCause::Other, Access::Publish) => {
            "If this persists, check that the topic exists and that sns:Publish (and the topic's key) is allowed."
        }
    }
    .into()
}

//! Checks of the bucket: whether objects can be written (`bucket_write`), as encrypted as its
//! policy demands (`bucket_encryption`), whether it honors conditional writes
//! (`bucket_conditions`), and whether it keeps versions (`bucket_versioning`).

use super::answers::{Meaning, describe, meaning, skipped};
use super::bucket_probe::{Failure, LastWrite};
use super::facts::Facts;
use super::s3_action::{Access, action};
use crate::model::ObjectEncryption;
use crate::ports::{FailureCause, Versioning};
use crate::report::{Check, CheckAction, CheckStatus};

const WRITE: &str = "bucket_write";
const ENCRYPTION: &str = "bucket_encryption";
const CONDITIONS: &str = "bucket_conditions";
const VERSIONING: &str = "bucket_versioning";

/// Makes the checks.
pub(super) fn checks(facts: &Facts<'_>) -> [Check; 4] {
    [
        write(facts),
        encryption(facts),
        conditions(facts),
        versioning(facts),
    ]
}

fn address(facts: &Facts<'_>) -> String {
    let plan = facts.plan;
    format!("s3://{}/{}", plan.settings.bucket, plan.keys.preflight)
}

fn write(facts: &Facts<'_>) -> Check {
    match &facts.bucket.written {
        Ok(_) => Check::new(
            WRITE,
            CheckStatus::Ok,
            format!("{} written", address(facts)),
        ),
        Err(failed) if is_about_encryption(failed) => skipped(
            WRITE,
            format!("refused because of its encryption; see {ENCRYPTION}"),
        ),
        Err(failed) => write_failed(facts, failed),
    }
}

/// Returns the check of a write that failed.
pub(super) fn write_failed(facts: &Facts<'_>, failed: &LastWrite) -> Check {
    let (access, cause) = match failed {
        LastWrite::DryRun => return skipped(WRITE, "this is a dry run, which writes nothing"),
        LastWrite::Contended => {
            let detail = format!(
                "{} was changed by other checks at the same time",
                address(facts)
            );
            return skipped(WRITE, detail);
        }
        LastWrite::HeadFailed(cause) => (Access::Read, cause),
        LastWrite::Failed(cause) => (Access::Write, cause),
    };
    let failure = Failure::of(cause);
    let detail = format!("{}: {}", address(facts), failure.message);
    if failure.cause == FailureCause::OutOfTime {
        return skipped(WRITE, detail);
    }
    let action = action(facts, &facts.plan.keys.preflight, access, &failure);
    Check::new(WRITE, CheckStatus::Failed, detail).with_action(action)
}

/// Returns the failure of a write that was refused for its encryption: the key cannot be used, or
/// the policy of the bucket denies a write that the role allows. The second is how S3 words a
/// policy that demands an encryption header.
fn encryption_failure(failed: &LastWrite) -> Option<Failure> {
    let LastWrite::Failed(cause) = failed else {
        return None;
    };
    let failure = Failure::of(cause);
    let by_bucket_policy = failure.cause == FailureCause::AccessDenied
        && failure
            .message
            .contains("explicit deny in a resource-based policy");
    (failure.cause == FailureCause::KmsKey || by_bucket_policy).then_some(failure)
}

fn is_about_encryption(failed: &LastWrite) -> bool {
    encryption_failure(failed).is_some()
}

fn encryption(facts: &Facts<'_>) -> Check {
    let settings = &facts.plan.settings;
    let named = match &settings.encryption {
        None => "the default of the bucket".to_owned(),
        Some(ObjectEncryption::Aes256) => "AES256".to_owned(),
        Some(ObjectEncryption::Kms { key_arn: None }) => "aws:kms".to_owned(),
        Some(ObjectEncryption::Kms { key_arn: Some(key) }) => key.clone(),
        Some(ObjectEncryption::KmsDsse) => "aws:kms:dsse".to_owned(),
    };
    let Err(failed) = &facts.bucket.written else {
        return Check::new(ENCRYPTION, CheckStatus::Ok, format!("accepted: {named}"));
    };
    let Some(failure) = encryption_failure(failed) else {
        return skipped(ENCRYPTION, "not tested, because no object could be written");
    };
    let detail = format!("{} with {named}: {}", address(facts), failure.message);
    let action = if failure.cause == FailureCause::KmsKey {
        action(facts, &facts.plan.keys.preflight, Access::Write, &failure)
    } else {
        let bucket = settings.bucket.as_str();
        let other = match settings.encryption {
            None | Some(ObjectEncryption::Aes256) => "aws:kms",
            Some(_) => "AES256",
        };
        CheckAction::new(format!(
            "See what the policy of {bucket} demands, and deploy with SNAPSHOT_ENCRYPTION set to that, for example"
        ))
        .command(
            "aws s3api get-bucket-policy",
            &[("bucket", bucket), ("query", "Policy"), ("output", "text")],
        )
        .parameter("SnapshotEncryption", other)
    };
    Check::new(ENCRYPTION, CheckStatus::Failed, detail).with_action(action)
}

fn conditions(facts: &Facts<'_>) -> Check {
    let refused = match &facts.bucket.refused {
        Ok(refused) => refused,
        Err(failure) => return skipped(CONDITIONS, failure.message.clone()),
    };
    let accepted = match refused {
        [true, true] => {
            let detail = "a write over an object (If-None-Match) and one over another version (If-Match) are refused";
            return Check::new(CONDITIONS, CheckStatus::Ok, detail);
        }
        [false, true] => "If-None-Match over an object that exists",
        [true, false] => "If-Match with an ETag that matches no version",
        [false, false] => {
            "If-None-Match over an object that exists, and If-Match with an ETag that matches no version"
        }
    };
    let bucket = &facts.plan.settings.bucket;
    let detail = format!(
        "{bucket} accepts writes that must be refused ({accepted}): runs would overwrite each other"
    );
    let action = CheckAction::new(format!(
        "Replace {bucket} with a bucket that supports conditional writes, as S3 does; an empty value creates one"
    ))
    .parameter("ExistingBucketName", "");
    Check::new(CONDITIONS, CheckStatus::Failed, detail).with_action(action)
}

fn versioning(facts: &Facts<'_>) -> Check {
    let bucket = facts.plan.settings.bucket.as_str();
    let state = match &facts.versioning {
        Ok(Versioning::Enabled) => {
            return Check::new(VERSIONING, CheckStatus::Ok, format!("{bucket}: enabled"));
        }
        Ok(Versioning::Suspended) => "suspended",
        Ok(Versioning::Never) => "not enabled",
        Err(error) => {
            let allow = match meaning(error) {
                Meaning::Denied => " (s3:GetBucketVersioning is not allowed)",
                _ => "",
            };
            return skipped(VERSIONING, format!("{bucket}: {}{allow}", describe(error)));
        }
    };
    let detail = format!("{bucket}: {state}; a damaged or deleted ledger cannot be restored");
    let action = CheckAction::new(format!("Turn on versioning of {bucket}")).command(
        "aws s3api put-bucket-versioning",
        &[
            ("bucket", bucket),
            ("versioning-configuration", "Status=Enabled"),
        ],
    );
    Check::new(VERSIONING, CheckStatus::Warning, detail).with_action(action)
}

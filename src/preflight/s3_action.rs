//! What to do about a failed call to the bucket, by its cause.

use super::bucket_probe::Failure;
use super::facts::Facts;
use crate::model::ObjectEncryption;
use crate::ports::FailureCause;
use crate::report::CheckAction;

/// What a failed call was to do with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// Returns the action for a failed access to the object `key`.
pub(super) fn action(
    facts: &Facts<'_>,
    key: &str,
    access: Access,
    failure: &Failure,
) -> CheckAction {
    let settings = &facts.plan.settings;
    let (bucket, region) = (settings.bucket.as_str(), settings.home_region.as_str());
    let head_bucket = |instruction: String| {
        let options = [("bucket", bucket), ("region", region)];
        CheckAction::new(instruction).command("aws s3api head-bucket", &options)
    };
    match &failure.cause {
        FailureCause::AccessDenied => denied(facts, key, access),
        FailureCause::KmsKey => kms_key(facts, &failure.message),
        FailureCause::NoSuchBucket => CheckAction::new(format!(
            "Create the bucket {bucket}, or name another one in SNAPSHOT_BUCKET (parameter ExistingBucketName)"
        ))
        .command("aws s3 mb", &[])
        .more_words([
            format!("s3://{bucket}"),
            "--region".to_owned(),
            region.to_owned(),
        ]),
        FailureCause::WrongRegion(actual) => {
            let actual = actual.as_deref().unwrap_or("another region");
            CheckAction::new(format!(
                "The bucket {bucket} is in {actual}: name one in {region} in SNAPSHOT_BUCKET (parameter ExistingBucketName), or \
                 deploy there; this shows where it is"
            ))
            .command("aws s3api get-bucket-location", &[("bucket", bucket)])
        }
        FailureCause::Archived => CheckAction::new(format!(
            "Restore s3://{bucket}/{key} from the archive, and exclude it from the lifecycle rule"
        ))
        .command(
            "aws s3api restore-object",
            &[
                ("bucket", bucket),
                ("key", key),
                ("restore-request", "Days=1"),
            ],
        ),
        FailureCause::Unreachable => head_bucket(format!(
            "Give the function a route to S3 in {region} (in a VPC, a gateway endpoint or a NAT gateway); this asks for {bucket} \
             from elsewhere"
        )),
        FailureCause::UntrustedCertificate
        | FailureCause::ForeignResponse
        | FailureCause::Credentials
        | FailureCause::OutOfTime
        | FailureCause::Other => head_bucket(format!(
            "Find out why S3 does not serve {bucket}; this requests it with your credentials"
        )),
    }
}

/// Returns the action for an access that a policy denies.
fn denied(facts: &Facts<'_>, key: &str, access: Access) -> CheckAction {
    let bucket = &facts.plan.settings.bucket;
    let actions = match access {
        Access::Read => ["s3:GetObject", "s3:ListBucket"],
        Access::Write => ["s3:PutObject", "s3:GetObject"],
    };
    let instruction = format!(
        "Allow the function {} and {} on {bucket}, and check that the policy of the bucket does not deny them",
        actions[0], actions[1]
    );
    let Some(role) = facts.own_role() else {
        return CheckAction::new(format!("{instruction}; this shows the policy")).command(
            "aws s3api get-bucket-policy",
            &[("bucket", bucket), ("query", "Policy"), ("output", "text")],
        );
    };
    let partition = facts.partition();
    let bucket_arn = format!("arn:{partition}:s3:::{bucket}");
    let object = format!("{bucket_arn}/{key}");
    // Listing is allowed on the bucket, not on an object.
    let resources: &[&str] = match access {
        Access::Read => &[&object, &bucket_arn],
        Access::Write => &[&object],
    };
    CheckAction::new(format!(
        "{instruction}; this shows which policy of the role decides"
    ))
    .command(
        "aws iam simulate-principal-policy",
        &[
            ("policy-source-arn", role.as_str()),
            ("action-names", actions[0]),
        ],
    )
    .more_words([actions[1].to_owned(), "--resource-arns".to_owned()])
    .more_words(resources.iter().map(|&arn| arn.to_owned()))
}

/// Returns the action for a key that cannot be used. The key is that of the settings, the one in
/// the message, or the one of the bucket.
fn kms_key(facts: &Facts<'_>, message: &str) -> CheckAction {
    let settings = &facts.plan.settings;
    let in_settings = match &settings.encryption {
        Some(ObjectEncryption::Kms { key_arn }) => key_arn.as_deref(),
        _ => None,
    };
    let is_in_arn = |c: char| c.is_ascii_alphanumeric() || ":/-_".contains(c);
    let mut words = message.split(|c| !is_in_arn(c));
    let in_message = words.find(|word| word.starts_with("arn:") && word.contains(":kms:"));
    let rights = "Allow the function kms:Decrypt and kms:GenerateDataKey, in its role (parameters KmsKeyArn and \
                  SnapshotEncryption) and in the policy of the key";
    match in_message.or(in_settings) {
        Some(key) => {
            let region = key.split(':').nth(3).unwrap_or_default();
            let options = [("key-id", key), ("region", region)];
            CheckAction::new(format!("{rights}; this shows whether {key} is enabled"))
                .command("aws kms describe-key", &options)
        }
        None => {
            let bucket = settings.bucket.as_str();
            CheckAction::new(format!("{rights}; this shows the key of {bucket}"))
                .command("aws s3api get-bucket-encryption", &[("bucket", bucket)])
        }
    }
}

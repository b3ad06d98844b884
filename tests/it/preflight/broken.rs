//! Each part of the setup broken once: which check says so, and what to do about it.

use packwatch_simulation::{Effect, Fault, Service, StatusRecord};
use serde_json::Value;

use super::{ADMIN, OWN_ROLE, ROLE, check, in_order, named, own_arn, text};
use crate::support::harness::{BUCKET, BUS, CHAT, OWN, TOPIC, TestEnv};

/// A broken setup, and the check that must say so.
pub(super) struct Case {
    pub(super) name: &'static str,
    break_it: fn(&mut TestEnv),
    check: &'static str,
    status: &'static str,
    /// A part of the detail.
    detail: &'static str,
    /// What the action must name, and a part of its steps; `None` if there is nothing to do.
    action: Option<(&'static str, &'static str)>,
}

impl Case {
    /// Breaks the setup and returns the response, and the check that the case is about.
    pub(super) async fn run(&self) -> (Value, Value) {
        let mut env = in_order().await;
        (self.break_it)(&mut env);
        let response = check(&env).await;
        let checks = named(&response, self.check);
        let found = checks
            .iter()
            .find(|check| text(check, "detail").contains(self.detail));
        let found = found.unwrap_or_else(|| panic!("{}: {response:#}", self.name));
        let found = (*found).clone();
        (response, found)
    }
}

fn fault(fault: Fault, service: Service, operation: &str) -> Fault {
    fault.service(service).operation(operation)
}

fn denied() -> Fault {
    Fault::new(Effect::Denied)
}

fn pack() -> StatusRecord {
    StatusRecord::new("CREATE_SUCCESSFUL")
}

/// A ledger of one run, with a mute that matches nothing.
const LEDGER_WITH_MUTES: &str = r#"{"format":"packwatch.ledger","schema_version":1,"sequence":1,
    "last_commit":{"run_id":"run-0","at":"2026-03-01T07:45:00Z","snapshot":"snapshots/x.json","first":true,
        "totals":{"packs":0,"packs_failing":0,"packs_in_progress":0,"accounts_failing":0,"failures":0,"stuck":0,"pending":0,
            "unconfirmed":0,"muted":0,"ignored":0,"appeared":0,"cleared":0,"gaps":0,"open_total":0}},
    "recent_runs":[],"next_receiver_id":0,"receivers":{},
    "mutes":[{"id":"typo-id","packs":["no-such*"],"until":"2026-03-10","reason":"typo","created_at":"2026-03-01T07:00:00Z"}]}"#;

const STATUSES: &str = "DescribeOrganizationConformancePackStatuses";

/// All cases, in the order of the checks.
pub(super) const CASES: &[Case] = &[
    Case {
        name: "STS refuses",
        break_it: |env| {
            let fault = fault(denied(), Service::Sts, "GetCallerIdentity");
            env.world.fault(fault);
        },
        check: "identity",
        status: "failed",
        detail: "GetCallerIdentity: AccessDenied",
        action: Some((
            "eu-west-1",
            "aws sts get-caller-identity --region eu-west-1",
        )),
    },
    Case {
        name: "STS does not answer",
        break_it: |env| {
            let fault = fault(
                Fault::new(Effect::ResetBefore),
                Service::Sts,
                "GetCallerIdentity",
            );
            env.world.fault(fault);
        },
        check: "identity",
        status: "failed",
        detail: "NoResponse",
        action: Some(("route to STS in eu-west-1", "aws sts get-caller-identity")),
    },
    Case {
        name: "the kind of an unknown account",
        break_it: |env| {
            let fault = fault(denied(), Service::Sts, "GetCallerIdentity");
            env.world.fault(fault);
        },
        check: "account_kind",
        status: "skipped",
        detail: "it is not known which account",
        action: None,
    },
    Case {
        name: "neither management account nor administrator",
        break_it: |env| {
            env.world.management_account(ADMIN);
            env.world.deny_caller(OWN);
        },
        check: "account_kind",
        status: "failed",
        detail: "111122223333 is neither the management account of o-simulated00 nor",
        action: Some((
            OWN,
            "register-delegated-administrator --account-id 111122223333",
        )),
    },
    Case {
        name: "no organization",
        break_it: |env| {
            let error = Fault::error(400, "AWSOrganizationsNotInUseException", "no");
            env.world
                .fault(fault(error, Service::Organizations, "DescribeOrganization"));
        },
        check: "account_kind",
        status: "failed",
        detail: "is in no organization",
        action: Some((OWN, "register-delegated-administrator")),
    },
    Case {
        name: "neither, and read through a role only",
        break_it: |env| {
            env.world.management_account(ADMIN);
            env.world.deny_caller(OWN);
            env.world.allow_caller(ADMIN);
            env.world.allow_role(ROLE, None);
            env.world.put_pack(ADMIN, "eu-west-1", "baseline", pack());
            env.set("ROLE_ARNS", ROLE);
        },
        check: "account_kind",
        status: "skipped",
        detail: "ListDelegatedAdministrators: AccessDeniedException",
        action: None,
    },
    Case {
        name: "DescribeOrganization is not allowed",
        break_it: |env| {
            let fault = fault(denied(), Service::Organizations, "DescribeOrganization");
            env.world.fault(fault);
        },
        check: "account_kind",
        status: "skipped",
        detail: "DescribeOrganization: AccessDeniedException",
        action: None,
    },
    Case {
        name: "AWS Config answers administrators only",
        break_it: |env| {
            env.world.management_account(ADMIN);
            env.world.deny_caller(OWN);
        },
        check: "source",
        status: "failed",
        detail: "111122223333 eu-west-1: DescribeOrganizationConformancePackStatuses: OrganizationAccessDenied",
        action: Some((
            OWN,
            "register-delegated-administrator --account-id 111122223333",
        )),
    },
    Case {
        name: "listing is not allowed",
        break_it: |env| env.world.fault(fault(denied(), Service::Config, STATUSES)),
        check: "source",
        status: "failed",
        detail: "AccessDeniedException",
        action: Some((
            "111122223333",
            "aws iam simulate-principal-policy --policy-source-arn arn:aws:iam::111122223333:role/packwatch-function \
             --action-names config:DescribeOrganizationConformancePackStatuses",
        )),
    },
    Case {
        name: "a watched region is not enabled",
        break_it: |env| {
            env.set("REGIONS", "ap-east-1,eu-west-1");
            let error = Fault::error(400, "UnrecognizedClientException", "no");
            env.world
                .fault(error.service(Service::Config).region("ap-east-1"));
        },
        check: "source",
        status: "failed",
        detail: "111122223333 ap-east-1: ",
        action: Some((
            "ap-east-1",
            "aws account enable-region --region-name ap-east-1",
        )),
    },
    Case {
        name: "a watched region does not answer",
        break_it: |env| {
            env.set("REGIONS", "eu-west-1,eu-west-9");
            let reset = Fault::new(Effect::ResetBefore);
            env.world
                .fault(reset.service(Service::Config).region("eu-west-9"));
        },
        check: "source",
        status: "failed",
        detail: "111122223333 eu-west-9: ",
        action: Some(("eu-west-9 in REGIONS", "--region eu-west-9")),
    },
    Case {
        name: "AWS Config fails",
        break_it: |env| {
            let fault = fault(Fault::new(Effect::InternalError), Service::Config, STATUSES);
            env.world.fault(fault.region("eu-west-1"));
        },
        check: "source",
        status: "failed",
        detail: "InternalFailure",
        action: Some((OWN, "aws configservice describe-organization")),
    },
    Case {
        name: "a source without packs",
        break_it: |env| env.set("REGIONS", "eu-west-1,us-east-1"),
        check: "source",
        status: "warning",
        detail: "111122223333 us-east-1: no packs",
        action: Some((OWN, "--region us-east-1")),
    },
    Case {
        name: "members may not be read",
        break_it: |env| {
            let fault = fault(
                denied(),
                Service::Config,
                "GetOrganizationConformancePackDetailedStatus",
            );
            env.world.fault(fault);
        },
        check: "source",
        status: "failed",
        detail: "111122223333 eu-west-1: 1 pack, 1 watched; the members of baseline cannot be read",
        action: Some((
            OWN_ROLE,
            "--action-names config:GetOrganizationConformancePackDetailedStatus",
        )),
    },
    Case {
        name: "a source of a role that cannot be assumed",
        break_it: |env| env.set("ROLE_ARNS", &format!("self,{ROLE}")),
        check: "source",
        status: "skipped",
        detail: "999988887777 eu-west-1: its role cannot be assumed",
        action: None,
    },
    Case {
        name: "packs in other regions",
        break_it: |env| {
            env.set("EXCLUDE_PACKS", "baseline-*");
            env.world.put_pack(OWN, "us-west-2", "one", pack());
            env.world.put_pack(OWN, "us-west-2", "two", pack());
            env.world.put_pack(OWN, "ap-south-1", "three", pack());
            env.world.put_pack(OWN, "sa-east-1", "baseline-x", pack());
        },
        check: "unwatched_regions",
        status: "warning",
        detail: "1 pack of 111122223333 in ap-south-1; 2 packs of 111122223333 in us-west-2",
        action: Some(("REGIONS", "Regions=ap-south-1,eu-west-1,us-west-2")),
    },
    Case {
        name: "other regions may not be read",
        break_it: |env| {
            let region = |code: &str, region: &str| {
                Fault::error(400, code, "no")
                    .service(Service::Config)
                    .region(region)
            };
            env.world
                .fault(region("AccessDeniedException", "us-east-2"));
            env.world
                .fault(region("UnrecognizedClientException", "me-south-1"));
        },
        check: "unwatched_regions",
        status: "skipped",
        detail: "could not be checked: us-east-2 (AccessDeniedException); me-south-1 (UnrecognizedClientException)",
        action: None,
    },
    Case {
        name: "an administrator without a reader role",
        break_it: |env| {
            env.world.allow_caller(ADMIN);
            env.world.allow_caller("888877776666");
            env.world
                .allow_role("arn:aws:iam::888877776666:role/r", Some("id"));
            env.set("ROLE_ARNS", "self,arn:aws:iam::888877776666:role/r");
            env.set("ROLE_EXTERNAL_ID", "id");
        },
        check: "other_administrators",
        status: "warning",
        detail: "not read: 999988887777",
        action: Some((
            ADMIN,
            "FunctionRoleArn=arn:aws:iam::111122223333:role/packwatch-function ExternalId=id`, then \
             `ReaderRoleArns=arn:aws:iam::888877776666:role/r,arn:aws:iam::999988887777:role/packwatch-reader`",
        )),
    },
    Case {
        name: "ListDelegatedAdministrators is not allowed",
        break_it: |env| {
            let operation = "ListDelegatedAdministrators";
            env.world
                .fault(fault(denied(), Service::Organizations, operation));
        },
        check: "other_administrators",
        status: "skipped",
        detail: "ListDelegatedAdministrators: AccessDeniedException",
        action: None,
    },
    Case {
        name: "a role that does not trust the function",
        break_it: |env| {
            env.set(
                "ROLE_ARNS",
                "self,arn:aws:iam::999988887777:role/team/config-reader",
            );
        },
        check: "role",
        status: "failed",
        detail: "AssumeRole: AccessDenied",
        action: Some((
            "arn:aws:iam::999988887777:role/team/config-reader",
            "aws cloudformation deploy --stack-name config-reader --template-file roles/reader.yaml --capabilities \
             CAPABILITY_NAMED_IAM --region eu-west-1 --parameter-overrides \
             FunctionRoleArn=arn:aws:iam::111122223333:role/packwatch-function RoleName=config-reader",
        )),
    },
    Case {
        name: "no bucket",
        break_it: |env| env.set("SNAPSHOT_BUCKET", "no-such-bucket"),
        check: "bucket_write",
        status: "failed",
        detail: "s3://no-such-bucket/preflight.json: ",
        action: Some((
            "no-such-bucket",
            "aws s3 mb s3://no-such-bucket --region eu-west-1",
        )),
    },
    Case {
        name: "writing is not allowed",
        break_it: |env| {
            let fault = fault(denied(), Service::S3, "PutObject");
            env.world.fault(fault);
        },
        check: "bucket_write",
        status: "failed",
        detail: "s3://packwatch-snapshots/preflight.json: ",
        action: Some((
            BUCKET,
            "--policy-source-arn arn:aws:iam::111122223333:role/packwatch-function --action-names s3:PutObject \
             s3:GetObject --resource-arns arn:aws:s3:::packwatch-snapshots/preflight.json",
        )),
    },
    Case {
        name: "listing the bucket is not allowed",
        break_it: |env| env.world.deny_listing(OWN),
        check: "bucket_write",
        status: "failed",
        detail: "HeadObject failed with HTTP status 403",
        action: Some((BUCKET, "--action-names s3:GetObject s3:ListBucket")),
    },
    Case {
        name: "S3 does not answer",
        break_it: |env| {
            let reset = Fault::new(Effect::ResetBefore);
            env.world.fault(reset.service(Service::S3));
        },
        check: "bucket_write",
        status: "failed",
        detail: "s3://packwatch-snapshots/preflight.json: ",
        action: Some((BUCKET, "aws s3api head-bucket --bucket packwatch-snapshots")),
    },
    Case {
        name: "the bucket is in another region",
        break_it: |env| {
            let error = Fault::error(301, "PermanentRedirect", "elsewhere");
            env.world.fault(error.service(Service::S3));
        },
        check: "bucket_write",
        status: "failed",
        detail: "HTTP status 301",
        action: Some((
            BUCKET,
            "aws s3api get-bucket-location --bucket packwatch-snapshots",
        )),
    },
    Case {
        name: "the policy demands an encryption header",
        break_it: |env| env.world.demand_encryption(BUCKET, "aws:kms"),
        check: "bucket_encryption",
        status: "failed",
        detail: "explicit deny in a resource-based policy",
        action: Some((
            BUCKET,
            "aws s3api get-bucket-policy --bucket packwatch-snapshots --query Policy --output text`, then \
             `SnapshotEncryption=aws:kms`",
        )),
    },
    Case {
        name: "the policy demands another encryption header",
        break_it: |env| {
            env.world.demand_encryption(BUCKET, "AES256");
            env.set("SNAPSHOT_ENCRYPTION", "aws:kms");
        },
        check: "bucket_encryption",
        status: "failed",
        detail: "with aws:kms: ",
        action: Some((BUCKET, "`SnapshotEncryption=AES256`")),
    },
    Case {
        name: "the write check of a policy about encryption",
        break_it: |env| env.world.demand_encryption(BUCKET, "aws:kms"),
        check: "bucket_write",
        status: "skipped",
        detail: "see bucket_encryption",
        action: None,
    },
    Case {
        name: "the key is disabled",
        break_it: |env| {
            let message = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab is disabled.";
            let error = Fault::error(400, "KMS.DisabledException", message);
            env.world.fault(fault(error, Service::S3, "PutObject"));
        },
        check: "bucket_encryption",
        status: "failed",
        detail: "KMS.DisabledException",
        action: Some((
            "key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "aws kms describe-key --key-id arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab --region eu-west-1",
        )),
    },
    Case {
        name: "an unnamed key may not be used",
        break_it: |env| {
            let message =
                "User: x is not authorized to perform: kms:GenerateDataKey on this resource";
            let error = Fault::error(403, "AccessDenied", message);
            env.world.fault(fault(error, Service::S3, "PutObject"));
        },
        check: "bucket_encryption",
        status: "failed",
        detail: "kms:GenerateDataKey",
        action: Some((
            BUCKET,
            "aws s3api get-bucket-encryption --bucket packwatch-snapshots",
        )),
    },
    Case {
        name: "the store ignores conditions",
        break_it: |env| env.world.ignore_conditions(true),
        check: "bucket_conditions",
        status: "failed",
        detail: "packwatch-snapshots accepts writes that must be refused",
        action: Some((BUCKET, "ExistingBucketName=")),
    },
    Case {
        name: "conditions without a write",
        break_it: |env| env.world.demand_encryption(BUCKET, "aws:kms"),
        check: "bucket_conditions",
        status: "skipped",
        detail: "no object could be written",
        action: None,
    },
    Case {
        name: "versioning is suspended",
        break_it: |env| env.world.versioning(BUCKET, "Suspended"),
        check: "bucket_versioning",
        status: "warning",
        detail: "packwatch-snapshots: suspended",
        action: Some((
            BUCKET,
            "put-bucket-versioning --bucket packwatch-snapshots --versioning-configuration Status=Enabled",
        )),
    },
    Case {
        name: "versioning was never enabled",
        break_it: |env| env.world.versioning(BUCKET, ""),
        check: "bucket_versioning",
        status: "warning",
        detail: "packwatch-snapshots: not enabled",
        action: Some((BUCKET, "put-bucket-versioning")),
    },
    Case {
        name: "GetBucketVersioning is not allowed",
        break_it: |env| {
            let fault = fault(denied(), Service::S3, "GetBucketVersioning");
            env.world.fault(fault);
        },
        check: "bucket_versioning",
        status: "skipped",
        detail: "s3:GetBucketVersioning is not allowed",
        action: None,
    },
    Case {
        name: "reading the ledger is not allowed",
        break_it: |env| {
            let fault = fault(denied(), Service::S3, "GetObject");
            env.world.fault(fault);
        },
        check: "ledger",
        status: "failed",
        detail: "s3://packwatch-snapshots/ledger.json: AccessDenied",
        action: Some((
            BUCKET,
            "--action-names s3:GetObject s3:ListBucket --resource-arns arn:aws:s3:::packwatch-snapshots/ledger.json \
             arn:aws:s3:::packwatch-snapshots",
        )),
    },
    Case {
        name: "the ledger is damaged",
        break_it: |env| {
            env.world
                .set_object(BUCKET, "ledger.json", "{\"format\": \"packwatch.ledger\"");
        },
        check: "ledger",
        status: "failed",
        detail: "s3://packwatch-snapshots/ledger.json: it does not parse",
        action: Some((
            BUCKET,
            "aws s3api list-object-versions --bucket packwatch-snapshots --prefix ledger.json",
        )),
    },
    Case {
        name: "the ledger of a newer version",
        break_it: |env| {
            let ledger = "{\"format\": \"packwatch.ledger\", \"schema_version\": 99}";
            env.world.set_object(BUCKET, "ledger.json", ledger);
        },
        check: "ledger",
        status: "failed",
        detail: "its schema version is 99",
        action: Some((BUCKET, "aws s3 cp s3://packwatch-snapshots/ledger.json -")),
    },
    Case {
        name: "the ledger is archived",
        break_it: |env| {
            let error = Fault::error(403, "InvalidObjectState", "archived");
            env.world.fault(fault(error, Service::S3, "GetObject"));
        },
        check: "ledger",
        status: "failed",
        detail: "InvalidObjectState",
        action: Some((
            BUCKET,
            "aws s3api restore-object --bucket packwatch-snapshots --key ledger.json",
        )),
    },
    Case {
        name: "the owner of an unreadable ledger",
        break_it: |env| env.world.set_object(BUCKET, "ledger.json", "{}"),
        check: "ledger_owner",
        status: "skipped",
        detail: "the ledger could not be read",
        action: None,
    },
    Case {
        name: "the ledger of another function",
        break_it: |env| {
            let ledger = include_str!("../../fixtures/ledger-v1.json");
            let mut ledger: Value = serde_json::from_str(ledger).expect("JSON");
            ledger["owner"] =
                serde_json::json!({"account": OWN, "region": "eu-west-1", "name": "first"});
            env.world
                .set_object(BUCKET, "ledger.json", ledger.to_string());
        },
        check: "ledger_owner",
        status: "failed",
        detail: "s3://packwatch-snapshots/ledger.json belongs to the function first in account 111122223333, eu-west-1",
        action: Some((
            "s3://packwatch-snapshots/ledger.json",
            "`SnapshotPrefix=packwatch/`, then `aws lambda invoke --function-name packwatch --region eu-west-1 \
             --cli-binary-format raw-in-base64-out --payload '{\"adopt_ledger\":true}' answer.json`",
        )),
    },
    Case {
        name: "the topic was deleted",
        break_it: |env| env.world.remove_topic(TOPIC),
        check: "topic",
        status: "failed",
        detail: "arn:aws:sns:eu-west-1:111122223333:digest does not exist",
        action: Some((
            TOPIC,
            "aws sns create-topic --name digest --region eu-west-1",
        )),
    },
    Case {
        name: "a FIFO topic was deleted",
        break_it: |env| env.set("TOPIC_ARN", &own_arn("digest.fifo")),
        check: "topic",
        status: "failed",
        detail: "digest.fifo does not exist",
        action: Some((
            "digest.fifo",
            "aws sns create-topic --name digest.fifo --region eu-west-1 --attributes FifoTopic=true",
        )),
    },
    Case {
        name: "nobody is subscribed",
        break_it: |env| env.world.subscriptions(TOPIC, 0, 0),
        check: "topic",
        status: "warning",
        detail: "no subscriptions",
        action: Some((
            TOPIC,
            "aws sns subscribe --topic-arn arn:aws:sns:eu-west-1:111122223333:digest --protocol email",
        )),
    },
    Case {
        name: "no queue is subscribed to a FIFO topic",
        break_it: |env| {
            env.set("TOPIC_ARN", &own_arn("digest.fifo"));
            env.world.subscriptions(&own_arn("digest.fifo"), 0, 0);
        },
        check: "topic",
        status: "warning",
        detail: "no subscriptions",
        action: Some(("digest.fifo", "--protocol sqs")),
    },
    Case {
        name: "no chat channel is subscribed",
        break_it: |env| {
            env.set("CHAT_TOPIC_ARN", CHAT);
            env.world.subscriptions(CHAT, 0, 0);
        },
        check: "topic",
        status: "warning",
        detail: "arn:aws:sns:eu-west-1:111122223333:chat: no subscriptions",
        action: Some((CHAT, "aws sns list-subscriptions-by-topic")),
    },
    Case {
        name: "a subscription is pending",
        break_it: |env| env.world.subscriptions(TOPIC, 1, 2),
        check: "topic",
        status: "warning",
        detail: "1 confirmed subscription, 2 pending",
        action: Some((
            TOPIC,
            "aws sns list-subscriptions-by-topic --topic-arn arn:aws:sns:eu-west-1:111122223333:digest --region eu-west-1",
        )),
    },
    Case {
        name: "the topic of another account",
        break_it: |env| env.set("TOPIC_ARN", "arn:aws:sns:eu-west-1:999988887777:shared"),
        check: "topic",
        status: "warning",
        detail: "arn:aws:sns:eu-west-1:999988887777:shared is in another account that denies access to it",
        action: Some((
            "arn:aws:sns:eu-west-1:999988887777:shared",
            "aws sns add-permission --topic-arn arn:aws:sns:eu-west-1:999988887777:shared --label packwatch --aws-account-id \
             111122223333 --region eu-west-1 --action-name Publish GetTopicAttributes",
        )),
    },
    Case {
        name: "the event bus does not exist",
        break_it: |env| env.set("EVENT_BUS", "operations"),
        check: "event_bus",
        status: "failed",
        detail: "event-bus/operations does not exist",
        action: Some((
            "EventBusName",
            "aws events create-event-bus --name operations --region eu-west-1",
        )),
    },
    Case {
        name: "the event bus of another account",
        break_it: |env| {
            let bus = "arn:aws:events:us-east-1:999988887777:event-bus/shared";
            env.set("EVENT_BUS", bus);
        },
        check: "event_bus",
        status: "warning",
        detail: "event-bus/shared is in another account that denies access to it",
        action: Some((
            "999988887777",
            "aws events put-permission --event-bus-name shared --statement-id packwatch --action events:PutEvents \
             --principal 111122223333 --region us-east-1",
        )),
    },
    Case {
        name: "DescribeEventBus is not allowed",
        break_it: |env| {
            env.set("EVENT_BUS", BUS);
            let fault = fault(denied(), Service::Events, "DescribeEventBus");
            env.world.fault(fault);
        },
        check: "event_bus",
        status: "skipped",
        detail: "events:DescribeEventBus is not allowed",
        action: None,
    },
    Case {
        name: "the event bus cannot be reached",
        break_it: |env| {
            env.set("EVENT_BUS", BUS);
            let unanswered = Fault::new(Effect::ResetBefore);
            env.world
                .fault(fault(unanswered, Service::Events, "DescribeEventBus"));
        },
        check: "event_bus",
        status: "failed",
        detail: "DescribeEventBus: NoResponse",
        action: Some(("EventBridge in eu-west-1", "aws events describe-event-bus")),
    },
    Case {
        name: "EventBridge answers with an error",
        break_it: |env| {
            env.set("EVENT_BUS", BUS);
            let error = Fault::error(400, "OddException", "odd");
            env.world
                .fault(fault(error, Service::Events, "DescribeEventBus"));
        },
        check: "event_bus",
        status: "failed",
        detail: "DescribeEventBus: OddException",
        action: Some((
            "Find out why EventBridge does not serve the bus",
            "aws events describe-event-bus --name arn:aws:events:eu-west-1:111122223333:event-bus/operations --region eu-west-1",
        )),
    },
    Case {
        name: "a mute matches nothing",
        break_it: |env| {
            env.world
                .set_object(BUCKET, "ledger.json", LEDGER_WITH_MUTES);
        },
        check: "mutes",
        status: "warning",
        detail: "1 of 1 mute matches no open failure now: typo-id",
        action: Some((
            "typo-id",
            "aws lambda invoke --function-name packwatch --cli-binary-format raw-in-base64-out --payload \
             '{\"unmute\":\"typo-id\"}' /dev/stdout",
        )),
    },
    Case {
        name: "GetTopicAttributes is not allowed",
        break_it: |env| {
            let fault = fault(denied(), Service::Sns, "GetTopicAttributes");
            env.world.fault(fault);
        },
        check: "topic",
        status: "skipped",
        detail: "sns:GetTopicAttributes is not allowed",
        action: None,
    },
    Case {
        name: "SNS does not answer",
        break_it: |env| {
            let reset = Fault::new(Effect::ResetBefore);
            env.world.fault(reset.service(Service::Sns));
        },
        check: "topic",
        status: "failed",
        detail: "NoResponse",
        action: Some((TOPIC, "aws sns get-topic-attributes --topic-arn")),
    },
    Case {
        name: "SNS fails",
        break_it: |env| {
            let error = Fault::new(Effect::InternalError);
            env.world.fault(error.service(Service::Sns));
        },
        check: "topic",
        status: "failed",
        detail: "InternalError",
        action: Some((TOPIC, "aws sns get-topic-attributes --topic-arn")),
    },
    Case {
        name: "a glob to include matches nothing",
        break_it: |env| env.set("INCLUDE_PACKS", "base*,gdpr*"),
        check: "include_packs",
        status: "warning",
        detail: "INCLUDE_PACKS: gdpr* matches none of the 1 pack name",
        action: Some(("gdpr*", "IncludePacks='base*'")),
    },
    Case {
        name: "a glob to exclude matches nothing",
        break_it: |env| env.set("EXCLUDE_PACKS", "test-*"),
        check: "exclude_packs",
        status: "warning",
        detail: "EXCLUDE_PACKS: test-* matches none",
        action: Some(("test-*", "ExcludePacks=")),
    },
    Case {
        name: "every pack is excluded",
        break_it: |env| env.set("EXCLUDE_PACKS", "base*"),
        check: "exclude_packs",
        status: "warning",
        detail: "EXCLUDE_PACKS leaves out every pack that INCLUDE_PACKS selects",
        action: Some(("EXCLUDE_PACKS", "ExcludePacks=")),
    },
    Case {
        name: "globs to exclude where none is included",
        break_it: |env| {
            env.set("INCLUDE_PACKS", "gdpr*");
            env.set("EXCLUDE_PACKS", "base*");
        },
        check: "exclude_packs",
        status: "ok",
        detail: "every glob matches; 0 of 1 pack name watched",
        action: None,
    },
    Case {
        name: "globs where a source cannot be listed",
        break_it: |env| {
            env.set("REGIONS", "eu-west-1,us-east-1");
            env.set("INCLUDE_PACKS", "gdpr*");
            env.world
                .fault(denied().service(Service::Config).region("us-east-1"));
        },
        check: "include_packs",
        status: "skipped",
        detail: "not every source could be listed",
        action: None,
    },
    Case {
        name: "globs without packs",
        break_it: |env| {
            env.world.remove_pack(OWN, "eu-west-1", "baseline");
            env.set("INCLUDE_PACKS", "gdpr*");
        },
        check: "include_packs",
        status: "skipped",
        detail: "there are no packs to match",
        action: None,
    },
];

#[tokio::test]
async fn each_broken_part_is_found_with_its_action() {
    for case in CASES {
        let (response, check) = case.run().await;
        let name = case.name;
        assert_eq!(check["status"], case.status, "{name}: {check:#}");
        match case.action {
            None => assert_eq!(check["action"], Value::Null, "{name}"),
            Some((resource, step)) => {
                let action = text(&check, "action");
                for part in [resource, step] {
                    assert!(action.contains(part), "{name}: {part} is not in {action}");
                }
            }
        }
        let table = text(&response, "text");
        let row = format!("{:9}{}", case.status, case.check);
        assert!(table.contains(&row), "{name}: {table}");
    }
}

#[tokio::test]
async fn every_check_is_broken_once() {
    let healthy = check(&in_order().await).await;
    let checks = healthy["checks"].as_array().expect("a list");
    let mut names: Vec<_> = checks.iter().map(|check| text(check, "name")).collect();
    names.push("role");
    for name in names {
        let broken = |case: &Case| case.check == name && case.status != "skipped";
        assert!(CASES.iter().any(broken), "{name} is never broken");
    }
}

#[tokio::test]
async fn only_checks_about_broken_part_change() {
    let env = in_order().await;
    env.world.remove_topic(TOPIC);
    env.world.versioning(BUCKET, "");
    let response = check(&env).await;
    let checks = response["checks"].as_array().expect("a list");
    for check in checks {
        let is_broken = ["topic", "bucket_versioning"].contains(&text(check, "name"));
        assert_eq!(text(check, "status") != "ok", is_broken, "{check}");
    }
}

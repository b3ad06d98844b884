//! Texts of errors: what the AWS clients make of every kind of error response, and what to do about
//! each cause. Golden files show all of them beside each other.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use packwatch::aws::{AwsNotifier, S3Store};
use packwatch::input::event::Trigger;
use packwatch::input::settings::Settings;
use packwatch::ledger::{ForeignLedger, Ledger};
use packwatch::model::{
    ApiError, BusEvent, BusEventType, FunctionId, GapKey, SnsMessage, Source, display_chain,
};
use packwatch::ports::{
    BoxError, ConfigApi, FailureCause, MembersError, Notifier, ObjectMetadata, ObjectStore,
    PutError, PutMode, ServiceFailure,
};
use packwatch::run::{RunError, Unstored};
use packwatch_simulation::{Effect, Fault, Service};
use regex::Regex;
use serde_json::json;

use super::malformed_responses::{Response, block_on, config_api, sdk, target};
use crate::support::harness::{BUCKET, BUS, OWN, REGION, TOPIC, TestEnv};

/// The calls of the program, by the operation of AWS.
const OPERATIONS: [&str; 10] = [
    "GetCallerIdentity",
    "DescribeOrganizationConformancePackStatuses",
    "DescribeOrganizationConformancePackStatuses of one pack",
    "GetOrganizationConformancePackDetailedStatus",
    "DescribeAccount",
    "GetObject",
    "HeadObject",
    "PutObject",
    "Publish",
    "PutEvents",
];

/// Makes a call that gets this response. Returns the text of its error; `None` if there is none.
fn error_text(operation: &str, response: &Response) -> Option<String> {
    let config = config_api(response);
    let store = S3Store::new(
        aws_sdk_s3::Client::new(&sdk(response)),
        "bucket".into(),
        Duration::from_secs(10),
    );
    let gap = |error: ApiError| {
        let ApiError { code, message, .. } = error;
        format!("{code}: {message}")
    };
    let chain = |error: BoxError| display_chain(error.as_ref());
    match operation {
        "GetCallerIdentity" => block_on(config.identify()).err().map(gap),
        "DescribeOrganizationConformancePackStatuses" => {
            block_on(config.packs(&target(), None)).err().map(gap)
        }
        "DescribeOrganizationConformancePackStatuses of one pack" => {
            let pack = block_on(config.pack(&target(), &"baseline".into()));
            pack.err().map(gap)
        }
        "GetOrganizationConformancePackDetailedStatus" => {
            match block_on(config.members(&target(), &"baseline".into(), None, None)) {
                Err(MembersError::Api(error)) => Some(gap(error)),
                Ok(_) | Err(MembersError::NoSuchPack) => None,
            }
        }
        "DescribeAccount" => block_on(config.account(&OWN.into())).err().map(chain),
        "GetObject" => block_on(store.get("ledger.json")).err().map(chain),
        "HeadObject" => block_on(store.head("latest.json")).err().map(chain),
        "PutObject" => {
            let metadata = ObjectMetadata::default();
            let put = store.put(
                "ledger.json",
                b"{}".to_vec().into(),
                metadata,
                &PutMode::Create,
            );
            block_on(put).err().map(|error| display_chain(&error))
        }
        "Publish" => {
            let client = aws_sdk_sns::Client::new(&sdk(response));
            let notifier = AwsNotifier::new(BTreeMap::from([(TOPIC.into(), client)]), None);
            let message = SnsMessage {
                subject: "packwatch".into(),
                body: "{}".into(),
                message_structure_json: false,
                attributes: BTreeMap::new(),
                deduplication_id: "one".into(),
            };
            let published = block_on(notifier.publish(&TOPIC.into(), &message));
            published.err().map(|error| chain(error.into_cause()))
        }
        "PutEvents" => {
            let client = aws_sdk_eventbridge::Client::new(&sdk(response));
            let notifier = AwsNotifier::new(BTreeMap::new(), Some(client));
            let event = BusEvent {
                detail_type: BusEventType::Digest,
                detail: "{}".to_owned(),
            };
            match block_on(notifier.put_events(&BUS.into(), &[event])) {
                Ok(results) => {
                    assert!(results.iter().all(Result::is_err), "no event was accepted");
                    None
                }
                Err(error) => Some(chain(error.into_cause())),
            }
        }
        other => panic!("{other} is not a call of the program"),
    }
}

/// Error responses, each with its HTTP status: of AWS, with and without a message, and of others.
fn responses() -> Vec<(&'static str, u16, String)> {
    let page = "<!DOCTYPE html>\n<html><head><title>403 Forbidden</title><style>body { color: red }</style>\
                <script>var error = {};</script></head>\n<body><!-- padding -->\n<center><h1>Access to this site is \
                blocked</h1></center>\u{7}\u{202e}<p>Category: cloud storage. Policy: default. Contact: it@example.com. \
                Reference: 0123456789abcdef0123456789abcdef</p></body></html>";
    let xml = |inner: &str| format!("<ErrorResponse><Error>{inner}</Error></ErrorResponse>");
    let s3 = |inner: &str| format!("<?xml version=\"1.0\"?>\n<Error>{inner}</Error>");
    vec![
        (
            "JSON",
            400,
            json!({"__type": "AccessDeniedException", "message": "Not\nfrom here."}).to_string(),
        ),
        (
            "JSON without a message",
            400,
            json!({"__type": "AccessDeniedException"}).to_string(),
        ),
        (
            "JSON with an empty message",
            400,
            json!({"__type": "AccessDeniedException", "Message": ""}).to_string(),
        ),
        (
            "JSON without a code",
            403,
            json!({"message": "Forbidden"}).to_string(),
        ),
        (
            "JSON that breaks off",
            500,
            "{\"__type\": \"InternalFail".to_owned(),
        ),
        (
            "XML",
            403,
            xml("<Code>AuthorizationError</Code><Message>Not allowed.</Message>"),
        ),
        (
            "XML without a message",
            403,
            xml("<Code>AccessDenied</Code>"),
        ),
        (
            "XML that breaks off",
            500,
            "<ErrorResponse><Error><Code>Internal".to_owned(),
        ),
        (
            "XML of S3",
            403,
            s3("<Code>AccessDenied</Code><Message>Access Denied</Message>"),
        ),
        (
            "XML of S3 without a message",
            403,
            s3("<Code>AccessDenied</Code>"),
        ),
        ("page", 403, page.to_owned()),
        (
            "page of a gateway",
            503,
            "<html><body><h1>503 Service Unavailable</h1></body></html>".to_owned(),
        ),
        (
            "page instead of a result",
            200,
            "<html><body>Please log in to the network.</body></html>".to_owned(),
        ),
        (
            "plain text",
            502,
            "upstream connect error or disconnect/reset before headers".to_owned(),
        ),
        ("one long word", 502, "x".repeat(5_000)),
        ("control characters only", 502, "\u{0}\u{1b}\r\n".to_owned()),
        ("no body", 403, String::new()),
        ("no body", 503, String::new()),
        ("no body instead of a result", 200, String::new()),
    ]
}

/// Returns what must not be in a text for people: names of Rust types, debug forms and the texts of
/// the SDK's own errors.
fn internals() -> Regex {
    // Without Unicode tables, which the program does without.
    Regex::new(
        r"(?x) [A-Za-z]\x20\{ | Some\( | Err\( | Ok\( | \(None\) | [A-Za-z0-9_]::[A-Za-z<] | unhandled | service\ error | dispatch\ failure
        | response\ error | malformed\ (JSON|XML) | SdkError | os\ error | [\x00-\x1f\u{202e}] | <[a-z]",
    )
    .expect("a valid pattern")
}

#[test]
fn every_error_response_is_described_in_words() {
    let internals = internals();
    let mut table = String::new();
    for (name, status, body) in responses() {
        let _ = writeln!(table, "{status} {name}");
        let mut texts: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for operation in OPERATIONS {
            let response = Response {
                status,
                etag: Some("\"1\"".to_owned()),
                body: body.clone().into_bytes(),
            };
            let Some(text) = error_text(operation, &response) else {
                assert_eq!(status, 200, "{operation}: {name}");
                continue;
            };
            assert!(!internals.is_match(&text), "{operation}: {name}: {text}");
            let has_code = ["AccessDenied", "AuthorizationError"]
                .iter()
                .any(|code| text.contains(code));
            let is_result = status == 200;
            assert!(
                has_code || is_result || text.contains(&format!("HTTP status {status}")),
                "{operation}: {name}: {text}"
            );
            assert!(text.chars().count() < 300, "{operation}: {name}: {text}");
            texts.entry(text).or_default().push(operation);
        }
        for (text, operations) in texts {
            let _ = writeln!(table, "  {}\n    {text}", operations.join(", "));
        }
    }
    insta::assert_snapshot!("error-responses", table);
}

fn failure(cause: FailureCause, message: &str) -> BoxError {
    let message = message.to_owned();
    Box::new(ServiceFailure { cause, message })
}

/// Every cause of a failed call, with a typical message.
fn causes() -> Vec<(FailureCause, &'static str)> {
    let region = Some("eu-central-1".to_owned());
    vec![
        (
            FailureCause::Credentials,
            "ExpiredToken: The provided token has expired.",
        ),
        (FailureCause::AccessDenied, "AccessDenied: Access Denied"),
        (
            FailureCause::KmsKey,
            "AccessDenied: User: arn:aws:sts::111122223333:assumed-role/packwatch is not authorized to perform: kms:Decrypt",
        ),
        (
            FailureCause::NoSuchBucket,
            "NoSuchBucket: The specified bucket does not exist",
        ),
        (
            FailureCause::WrongRegion(region),
            "PermanentRedirect: The bucket you are attempting to access must be addressed using the specified endpoint.",
        ),
        (
            FailureCause::WrongRegion(None),
            "PermanentRedirect: The bucket you are attempting to access must be addressed using the specified endpoint.",
        ),
        (
            FailureCause::Archived,
            "InvalidObjectState: The operation is not valid for the object's storage class",
        ),
        (
            FailureCause::Unreachable,
            "the name of s3.eu-west-1.amazonaws.com could not be resolved",
        ),
        (
            FailureCause::UntrustedCertificate,
            "the TLS certificate of s3.eu-west-1.amazonaws.com is not trusted: no trusted authority issued it",
        ),
        (
            FailureCause::ForeignResponse,
            "HTTP status 503 with a body that is not AWS's: \"Service Unavailable\"",
        ),
        (
            FailureCause::OutOfTime,
            "there was no time left before the invocation ends",
        ),
        (
            FailureCause::Other,
            "SlowDown: Please reduce your request rate.",
        ),
    ]
}

/// Errors that no call caused.
fn errors_of_input() -> Vec<(&'static str, RunError)> {
    let object = || "s3://bucket/ledger.json".to_owned();
    let settings = Settings::read(|name| (name == "REGIONS").then(|| "eu west".to_owned()));
    let newer = json!({"format": "packwatch.ledger", "schema_version": 99}).to_string();
    let foreign =
        |owner: Option<FunctionId>, differences: &[&str]| RunError::LedgerOwnedByAnother {
            object: object(),
            foreign: ForeignLedger {
                owner,
                differences: differences.iter().map(|&text| text.to_owned()).collect(),
            },
        };
    let owner = FunctionId {
        account: OWN.into(),
        region: REGION.into(),
        name: "packwatch-Function".to_owned(),
    };
    vec![
        (
            "no bucket and no topic",
            RunError::InvalidSettings(settings.expect_err("invalid settings")),
        ),
        (
            "unknown key",
            RunError::InvalidEvent(Trigger::read("{\"pack\": []}").expect_err("an invalid event")),
        ),
        (
            "newer version",
            RunError::LedgerVersionUnsupported {
                object: object(),
                source: Ledger::from_bytes(newer.as_bytes()).expect_err("a newer ledger"),
            },
        ),
        ("another function", foreign(Some(owner), &[])),
        (
            "other settings",
            foreign(None, &["regions: eu-west-1 here, us-east-1 there"]),
        ),
    ]
}

fn store_failed(unstored: Unstored, source: Option<BoxError>) -> RunError {
    RunError::StoreFailed {
        what: "s3://bucket/ledger.json could not be stored".to_owned(),
        unstored,
        source,
    }
}

#[test]
fn advice_follows_the_cause() {
    let object = || "s3://bucket/ledger.json".to_owned();
    let damaged =
        |bytes: &[u8]| -> BoxError { Box::new(Ledger::from_bytes(bytes).expect_err("no ledger")) };
    let mut errors = vec![(
        "no credentials",
        RunError::CredentialsUnavailable {
            source: failure(
                FailureCause::Credentials,
                "no credentials were found in the environment, in a profile, or from the container or instance",
            ),
        },
    )];
    let gap = |code: &str, message: &str| {
        let source = Source {
            caller: OWN.into(),
            region: REGION.into(),
        };
        let cause = ApiError {
            operation: "DescribeOrganizationConformancePackStatuses".to_owned(),
            code: code.to_owned(),
            message: message.to_owned(),
        };
        RunError::AllSourcesFailed(vec![(GapKey { source, pack: None }, cause)])
    };
    let no_route = "there is no route to config.eu-west-1.amazonaws.com";
    errors.push(("unanswered", gap("NoResponse", no_route)));
    errors.push((
        "denied",
        gap(
            "AccessDeniedException",
            "AWS gave no reason (HTTP status 400)",
        ),
    ));
    for (name, code, message) in [
        (
            "untrusted certificate",
            "NoResponse",
            "the TLS certificate of config.eu-west-1.amazonaws.com is not trusted",
        ),
        (
            "expired token",
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
        ("throttled", "ThrottlingException", "Rate exceeded"),
        (
            "out of time",
            "DeadlineExceeded",
            "there was no time left for the call",
        ),
        (
            "not an administrator",
            "OrganizationAccessDeniedException",
            "This action can only be performed by the management account",
        ),
        (
            "unusable answer",
            "MalformedResponse",
            "the response is not JSON",
        ),
    ] {
        errors.push((name, gap(code, message)));
    }
    let names = [
        "credentials",
        "access denied",
        "KMS key",
        "no such bucket",
        "wrong region, known",
        "wrong region, unknown",
        "archived",
        "unreachable",
        "untrusted certificate",
        "foreign response",
        "out of time",
        "other",
    ];
    for bytes in ["{", "[]"] {
        let source = damaged(bytes.as_bytes());
        let object = object();
        errors.push(("damaged", RunError::LedgerUnreadable { object, source }));
    }
    for (name, (cause, message)) in names.into_iter().zip(causes()) {
        let source = failure(cause, message);
        let object = object();
        errors.push((name, RunError::LedgerUnreadable { object, source }));
    }
    for (name, (cause, message)) in names.into_iter().zip(causes()) {
        let source: BoxError = Box::new(PutError::Rejected(failure(cause, message)));
        let source = Some(source);
        errors.push((name, store_failed(Unstored::Observation, source)));
    }
    for (name, unstored) in [
        ("observation", Unstored::Observation),
        ("lease", Unstored::Lease),
        ("request", Unstored::Request),
    ] {
        errors.push((name, store_failed(unstored, None)));
    }
    let lost_race: BoxError = Box::new(PutError::PreconditionFailed);
    errors.push((
        "lost race",
        store_failed(Unstored::Request, Some(lost_race)),
    ));
    for (name, (cause, message)) in names.into_iter().zip(causes()) {
        if !name.contains("region") && !["archived", "no such bucket"].contains(&name) {
            for receiver in [TOPIC, BUS] {
                let receivers = vec![(receiver.into(), failure(cause.clone(), message))];
                let settle_error = None;
                errors.push((
                    name,
                    RunError::PublishFailed {
                        receivers,
                        settle_error,
                    },
                ));
            }
        }
    }
    let source = Some(failure(
        FailureCause::AccessDenied,
        "AccessDenied: Access Denied",
    ));
    let object = object();
    errors.push(("access denied", RunError::SettleFailed { object, source }));

    errors.extend(errors_of_input());

    let internals = internals();
    let mut golden = String::new();
    for (name, error) in &errors {
        let report = error.to_report();
        // The settings have a line each.
        let on_one_line = report
            .replace('\n', " ")
            .replace("{\"adopt_ledger\": true}", "");
        assert!(!internals.is_match(&on_one_line), "{report}");
        let restores = report.contains("list-object-versions");
        assert_eq!(restores, *name == "damaged", "{report}");
        let _ = writeln!(golden, "{}: {name}\n  {report}", error.kind());
    }
    insta::assert_snapshot!("advice", golden);
}

/// Fails every matching call of S3 or STS and returns the error of a run: its kind and its report.
async fn error_of_run(env: &TestEnv, fault: Fault) -> (&'static str, String) {
    env.world.fault(fault);
    let error = env.invoke(json!({})).await.expect_err("the run fails");
    env.world.clear_faults();
    env.advance_minutes(15);
    (error.kind(), error.to_report())
}

fn s3_error(status: u16, body: &str) -> Fault {
    let effect = Effect::Raw {
        status,
        content_type: "application/xml".to_owned(),
        body: format!("<Error>{body}</Error>"),
    };
    Fault::new(effect)
        .service(Service::S3)
        .operation("GetObject")
}

#[tokio::test]
async fn ledger_error_names_the_remedy_of_its_cause() {
    let env = TestEnv::failing().await;
    for (fault, remedy) in [
        (
            s3_error(404, "<Code>NoSuchBucket</Code>"),
            "Set SNAPSHOT_BUCKET",
        ),
        (
            s3_error(
                400,
                "<Code>AuthorizationHeaderMalformed</Code><Message>the region 'eu-west-1' is wrong; expecting \
                 'eu-central-1'</Message><Region>eu-central-1</Region>",
            ),
            "The bucket is in eu-central-1",
        ),
        (
            s3_error(301, "<Code>PermanentRedirect</Code>"),
            "in another region",
        ),
        (
            s3_error(403, "<Code>InvalidObjectState</Code>"),
            "restore-object",
        ),
        (s3_error(403, "<Code>AccessDenied</Code>"), "s3:GetObject"),
        (
            s3_error(
                403,
                "<Code>AccessDenied</Code><Message>not authorized to perform: kms:Decrypt</Message>",
            ),
            "kms:Decrypt and kms:GenerateDataKey",
        ),
        (
            s3_error(400, "<Code>KMS.DisabledException</Code>"),
            "check that the key is enabled",
        ),
        (s3_error(500, "<html>"), "did not come from AWS"),
    ] {
        let (kind, report) = error_of_run(&env, fault).await;
        assert_eq!(kind, "LedgerUnreadable", "{report}");
        assert!(report.contains(remedy), "{report}");
        assert!(!report.contains("list-object-versions"), "{report}");
        assert!(!internals().is_match(&report), "{report}");
    }
    assert!(env.world.objects(BUCKET).is_empty());
}

#[tokio::test]
async fn rejected_credentials_are_an_error_of_their_own() {
    let env = TestEnv::failing().await;
    for (service, code) in [
        (Service::S3, "ExpiredToken"),
        (Service::S3, "InvalidAccessKeyId"),
        (Service::S3, "SignatureDoesNotMatch"),
        (Service::Sts, "ExpiredToken"),
        (Service::Sts, "InvalidClientTokenId"),
        (Service::Sts, "SignatureDoesNotMatch"),
    ] {
        let fault = Fault::error(403, code, "The credentials are not accepted.");
        let (kind, report) = error_of_run(&env, fault.service(service)).await;
        assert_eq!(kind, "CredentialsUnavailable", "{report}");
        assert!(report.contains(code), "{report}");
        let at_start = Fault::error(403, code, "The credentials are not accepted.");
        env.world.fault(at_start.service(service));
        let started = env.function().await.verify_identity().await;
        let kind = started.err().map(|error| error.kind());
        let expected = (service == Service::Sts).then_some("CredentialsUnavailable");
        assert_eq!(kind, expected, "{code} at start-up");
        env.world.clear_faults();
    }
    assert!(env.world.objects(BUCKET).is_empty());
}

#[tokio::test]
async fn demanded_encryption_is_named_by_error_and_met_by_setting() {
    for encryption in ["AES256", "aws:kms", "aws:kms:dsse"] {
        let mut env = TestEnv::failing().await;
        env.world.demand_encryption(BUCKET, encryption);
        let error = env.invoke(json!({})).await.expect_err("the put is denied");
        let report = error.to_report();
        assert_eq!(error.kind(), "StoreFailed", "{report}");
        assert!(
            report.contains("x-amz-server-side-encryption")
                && report.contains("SNAPSHOT_ENCRYPTION"),
            "{report}"
        );
        env.set("SNAPSHOT_ENCRYPTION", encryption);
        assert_eq!(env.run().await["outcome"], "committed");
    }
    let mut env = TestEnv::failing().await;
    env.world.demand_encryption(BUCKET, "aws:kms");
    env.set(
        "SNAPSHOT_ENCRYPTION",
        "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    );
    assert_eq!(env.run().await["outcome"], "committed");
}

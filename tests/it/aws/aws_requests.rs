//! The HTTP requests that the AWS clients send, captured by the test utilities of the SDK.

use std::collections::BTreeMap;

use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_http_client::test_util::{CaptureRequestReceiver, capture_request};
use aws_smithy_types::retry::RetryConfig;
use packwatch::aws::{
    AwsNotifier, ConcurrencyLimit, ConfigServiceApi, S3Store, ThrottleCounter, ThrottledCaller,
};
use packwatch::model::{Attribute, Identity, SnsMessage, Source, SourceTarget};
use packwatch::ports::{
    ConfigApi, ContentType, ETag, Filter, Notifier, ObjectHead, ObjectMetadata, ObjectStore,
    PutMode,
};
use serde_json::{Value, json};

use crate::support::harness::{OWN, REGION, TOPIC};

fn sdk() -> (aws_config::SdkConfig, CaptureRequestReceiver) {
    sdk_with_response(None)
}

fn sdk_with_response(
    response: Option<http::Response<SdkBody>>,
) -> (aws_config::SdkConfig, CaptureRequestReceiver) {
    let (client, requests) = capture_request(response);
    let config = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
        .region(aws_config::Region::new(REGION))
        .credentials_provider(aws_sdk_s3::config::SharedCredentialsProvider::new(
            Credentials::for_tests(),
        ))
        .http_client(client)
        .build();
    (config, requests)
}

fn store(config: &aws_config::SdkConfig) -> S3Store {
    S3Store::new(
        aws_sdk_s3::Client::new(config),
        "bucket".into(),
        std::time::Duration::from_secs(10),
    )
}

fn config_api(config: &aws_config::SdkConfig) -> ConfigServiceApi {
    let source = (
        aws_sdk_config::Client::new(config),
        ThrottledCaller::new(ConcurrencyLimit::default(), RetryConfig::disabled()),
    );
    ConfigServiceApi::new(
        BTreeMap::from([((Identity::Own, REGION.into()), source)]),
        ThrottleCounter::default(),
        aws_sdk_sts::Client::new(config),
        aws_sdk_organizations::Config::new(config),
    )
}

fn target() -> SourceTarget {
    SourceTarget {
        source: Source {
            caller: OWN.into(),
            region: REGION.into(),
        },
        identity: Identity::Own,
    }
}

/// Returns the `x-amz-target` header and the JSON body of an AWS Config request.
fn config_request(requests: CaptureRequestReceiver) -> (String, Value) {
    let request = requests.expect_request();
    let target = request
        .headers()
        .get("x-amz-target")
        .expect("the request has a target")
        .to_owned();
    (
        target,
        serde_json::from_slice(request.body().bytes().expect("the request has a body"))
            .expect("the body is JSON"),
    )
}

#[tokio::test]
async fn pack_listing_requests_a_hundred_packs_per_page() {
    let (config, requests) = sdk();
    let _ = config_api(&config).packs(&target(), Some("token")).await;
    let (target, body) = config_request(requests);
    assert_eq!(
        target,
        "StarlingDoveService.DescribeOrganizationConformancePackStatuses"
    );
    assert_eq!(body, json!({"Limit": 100, "NextToken": "token"}));
}

#[tokio::test]
async fn pack_request_by_name_has_no_limit_or_token() {
    let (config, requests) = sdk();
    let _ = config_api(&config)
        .pack(&target(), &"baseline".into())
        .await;
    assert_eq!(
        config_request(requests).1,
        json!({"OrganizationConformancePackNames": ["baseline"]})
    );
}

#[tokio::test]
async fn member_request_filters_by_account_or_status() {
    let (account, status) = ("222233334444".into(), "UPDATE_FAILED".into());
    for (filter, filters) in [
        (None, json!({})),
        (
            Some(Filter::Account(&account)),
            json!({"Filters": {"AccountId": "222233334444"}}),
        ),
        (
            Some(Filter::Status(&status)),
            json!({"Filters": {"Status": "UPDATE_FAILED"}}),
        ),
    ] {
        let (config, requests) = sdk();
        let _ = config_api(&config)
            .members(&target(), &"baseline".into(), filter, Some("token"))
            .await;
        let (target, body) = config_request(requests);
        assert_eq!(
            target,
            "StarlingDoveService.GetOrganizationConformancePackDetailedStatus"
        );
        let mut expected = json!({"OrganizationConformancePackName": "baseline", "Limit": 100, "NextToken": "token"});
        expected
            .as_object_mut()
            .expect("the value is an object")
            .extend(filters.as_object().expect("the value is an object").clone());
        assert_eq!(body, expected);
    }
}

#[tokio::test]
async fn object_put_is_conditional() {
    for (mode, header, value) in [
        (PutMode::Create, "if-none-match", "*"),
        (
            PutMode::Update(ETag("\"abc\"".into())),
            "if-match",
            "\"abc\"",
        ),
    ] {
        let (config, requests) = sdk();
        let metadata = ObjectMetadata::default();
        let _ = store(&config)
            .put("ledger.json", b"{}".to_vec().into(), metadata, &mode)
            .await;
        let request = requests.expect_request();
        assert_eq!(request.method(), "PUT");
        assert_eq!(request.headers().get(header), Some(value));
        assert_eq!(
            request.headers().get("content-type"),
            Some("application/json")
        );
        assert_eq!(request.headers().get("x-amz-meta-sequence"), None);
        assert!(request.uri().contains("/ledger.json"), "{}", request.uri());
    }
}

#[tokio::test]
async fn sequence_is_stored_as_user_metadata() {
    let (config, requests) = sdk();
    let metadata = ObjectMetadata {
        sequence: Some(42),
        ..ObjectMetadata::default()
    };
    let _ = store(&config)
        .put(
            "latest.json",
            b"{}".to_vec().into(),
            metadata,
            &PutMode::Create,
        )
        .await;
    let request = requests.expect_request();
    assert_eq!(request.headers().get("x-amz-meta-sequence"), Some("42"));
}

/// A browser asks S3 for the page again each time.
#[tokio::test]
async fn page_is_stored_as_html_that_is_not_cached() {
    let (config, requests) = sdk();
    let metadata = ObjectMetadata {
        content: ContentType::Html,
        ..ObjectMetadata::default()
    };
    let body = b"<!DOCTYPE html>".to_vec().into();
    let _ = store(&config)
        .put("report.html", body, metadata, &PutMode::Create)
        .await;
    let request = requests.expect_request();
    let header = |name: &str| request.headers().get(name);
    assert_eq!(header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn sequence_and_etag_are_read_with_head() {
    let (config, requests) = sdk();
    let _ = store(&config).head("latest.json").await;
    let request = requests.expect_request();
    assert_eq!(request.method(), "HEAD");
    assert!(request.uri().contains("/latest.json"), "{}", request.uri());
    let encryption = |name: &str| name.starts_with("x-amz-server-side-encryption");
    let headers = request.headers();
    assert!(!headers.iter().any(|(name, _)| encryption(name)));

    for (stored, sequence) in [
        (Some("42"), Some(42)),
        (Some("18446744073709551616"), None),
        (Some("seven"), None),
        (Some(""), None),
        (None, None),
    ] {
        let mut response = http::Response::builder().header("etag", "\"abc\"");
        if let Some(stored) = stored {
            response = response.header("x-amz-meta-sequence", stored);
        }
        let response = response.body(SdkBody::empty()).expect("a valid response");
        let (config, _requests) = sdk_with_response(Some(response));
        let head = store(&config).head("latest.json").await;
        let expected = ObjectHead {
            etag: ETag("\"abc\"".into()),
            sequence,
        };
        assert_eq!(head.expect("the object exists"), Some(expected));
    }
}

#[tokio::test]
async fn failed_head_is_missing_object_or_error_with_status() {
    for status in [404_u16, 400, 403] {
        let response = http::Response::builder().status(status);
        let response = response.body(SdkBody::empty()).expect("a valid response");
        let (config, _requests) = sdk_with_response(Some(response));
        match store(&config).head("latest.json").await {
            Ok(head) => assert_eq!((status, head), (404, None)),
            Err(error) => assert_eq!(
                error.to_string(),
                format!("HeadObject failed with HTTP status {status}")
            ),
        }
    }
}

#[tokio::test]
async fn sns_message_has_structure_attributes_and_fifo_ids() {
    let message = SnsMessage {
        subject: "packwatch: 1 appeared".into(),
        body: "{\"default\":\"{}\"}".into(),
        message_structure_json: true,
        attributes: BTreeMap::from([
            ("appeared".to_owned(), Attribute::Number(1)),
            (
                "packs".to_owned(),
                Attribute::Strings(vec!["baseline".into()]),
            ),
        ]),
        deduplication_id: "run.0.1".into(),
    };
    for (topic, fifo) in [(TOPIC.to_owned(), false), (format!("{TOPIC}.fifo"), true)] {
        let (config, requests) = sdk();
        let client = aws_sdk_sns::Client::new(&config);
        let topics = BTreeMap::from([(topic.as_str().into(), client)]);
        let notifier = AwsNotifier::new(topics, None);
        let _ = notifier.publish(&topic.as_str().into(), &message).await;
        let request = requests.expect_request();
        let body = String::from_utf8(
            request
                .body()
                .bytes()
                .expect("the request has a body")
                .to_vec(),
        )
        .expect("the body is a form");
        for part in [
            "MessageStructure=json",
            "Subject=packwatch%3A%201%20appeared",
            "DataType=String.Array",
            "DataType=Number",
        ] {
            assert!(body.contains(part), "{part} in {body}");
        }
        assert_eq!(body.contains("MessageGroupId=packwatch"), fifo);
        assert_eq!(body.contains("MessageDeduplicationId=run.0.1"), fifo);
    }
}

//! Malformed responses. The AWS clients turn every response into its content or into an error that
//! names the operation. No response causes a panic, and an incomplete response is never taken as
//! evidence.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_types::retry::RetryConfig;
use packwatch::aws::{
    AwsNotifier, ConcurrencyLimit, ConfigServiceApi, S3Store, ThrottleCounter, ThrottledCaller,
};
use packwatch::model::{
    ApiError, AwsText, Identity, SnsMessage, Source, SourceTarget, StatusRecord,
};
use packwatch::ports::{
    BoxError, ConfigApi, ETag, MembersError, Notifier, ObjectHead, ObjectMetadata, ObjectStore,
    Page, PutError, PutMode,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::run::fuzzed_inputs::{document, mutated};
use crate::support::harness::{OWN, REGION, TOPIC};

/// An HTTP response of an AWS service.
#[derive(Clone)]
pub struct Response {
    pub status: u16,
    pub etag: Option<String>,
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} etag {:?}: {}",
            self.status,
            self.etag,
            self.body.escape_ascii()
        )
    }
}

impl Response {
    fn succeeds(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the entity tag as HTTP clients see it: trimmed, and `None` when it is empty.
    fn trimmed_etag(&self) -> Option<String> {
        self.etag
            .as_deref()
            .map(str::trim)
            .filter(|tag| !tag.is_empty())
            .map(str::to_owned)
    }

    fn contains(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.body).contains(text)
    }
}

/// Returns bodies of successful responses and of error responses.
pub fn documents() -> Vec<String> {
    let time = 1_767_225_600.5;
    let pack = json!({"OrganizationConformancePackName": "baseline", "Status": "UPDATE_FAILED", "ErrorCode": "Broken",
                      "ErrorMessage": "it is", "LastUpdateTime": time});
    let other =
        json!({"OrganizationConformancePackName": "guardrails", "Status": "UPDATE_SUCCESSFUL"});
    let member = json!({"AccountId": "222233334444", "ConformancePackName": "OrgConformsPack-baseline-ab12cd34",
                        "Status": "CREATE_FAILED", "ErrorMessage": "no recorder", "LastUpdateTime": time});
    let mut documents = vec![
        json!({"OrganizationConformancePackStatuses": [pack, other], "NextToken": "next"})
            .to_string(),
        json!({"OrganizationConformancePackStatuses": []}).to_string(),
        json!({"OrganizationConformancePackDetailedStatuses": [member], "NextToken": null})
            .to_string(),
        json!({"__type": "NoSuchOrganizationConformancePackException", "message": "no such pack"})
            .to_string(),
        json!({"__type": "OrganizationAccessDeniedException", "message": "not from here"})
            .to_string(),
    ];
    for xml in [
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code><Message>not there</Message></Error>",
        "<Error><Code>PreconditionFailed</Code><Message>no</Message><RequestId>1</RequestId></Error>",
        "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type>\
         <Code>AuthorizationError</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>",
        "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult><MessageId>1</MessageId>\
         </PublishResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PublishResponse>",
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:sts::111122223333:assumed-role/x/y</Arn><UserId>x</UserId><Account>111122223333</Account>\
         </GetCallerIdentityResult></GetCallerIdentityResponse>",
    ] {
        documents.push(xml.to_owned());
    }
    documents
}

/// Generates any bytes, or a document of [`documents`]: unchanged, truncated, with a few bytes
/// changed, with a misspelt key, or with a part replaced.
pub fn body() -> impl Strategy<Value = Vec<u8>> {
    let intact = || select(documents()).prop_map(String::into_bytes);
    let truncated = (intact(), any::<Index>()).prop_map(|(mut body, end)| {
        body.truncate(end.index(body.len()));
        body
    });
    let changed =
        (intact(), vec((any::<Index>(), any::<u8>()), 1..4)).prop_map(|(mut body, bytes)| {
            for (at, byte) in bytes {
                let at = at.index(body.len());
                body[at] = byte;
            }
            body
        });
    let misspelt = (intact(), any::<Index>()).prop_map(|(body, which)| {
        let mut text = String::from_utf8(body).expect("the document is UTF-8");
        let keys: Vec<usize> = text.match_indices("\":").map(|(at, _)| at).collect();
        if !keys.is_empty() {
            text.insert(keys[which.index(keys.len())], '_');
        }
        text.into_bytes()
    });
    let replaced = (intact(), vec(0..8_usize, 0..5), document()).prop_map(|(body, path, part)| {
        serde_json::from_slice::<Value>(&body).map_or(body, |document| {
            mutated(&document, &path, part).to_string().into_bytes()
        })
    });
    prop_oneof![1 => vec(any::<u8>(), 0..200), 2 => intact(), 2 => truncated, 2 => changed, 4 => misspelt, 4 => replaced]
}

pub fn status() -> impl Strategy<Value = u16> {
    prop_oneof![
        6 => Just(200),
        6 => select(vec![202, 204, 206, 301, 304, 400, 403, 404, 409, 412, 416, 429, 500, 503]),
        1 => 200..600_u16,
    ]
}

fn any_response() -> impl Strategy<Value = Response> {
    let etag = prop_oneof![
        Just(None),
        Just(Some("\"1\"".to_owned())),
        "[ -~]{0,12}".prop_map(Some)
    ];
    (status(), etag, body()).prop_map(|(status, etag, body)| Response { status, etag, body })
}

/// Returns the number of rows in a list, or `None` unless every row has a name. Control characters
/// and invalid UTF-8 inside strings hide no row, and the SDK accepts them.
pub fn rows(body: &[u8], list: &str, name: &str) -> Option<usize> {
    let body = String::from_utf8_lossy(body).replace(char::is_control, " ");
    let document: Value = serde_json::from_str(&body).ok()?;
    let rows = document.get(list)?.as_array()?;
    let named = |row: &Value| {
        row.get(name)
            .and_then(Value::as_str)
            .is_some_and(|name| !name.is_empty())
    };
    rows.iter().all(named).then_some(rows.len())
}

pub fn sdk(response: &Response) -> SdkConfig {
    let response = response.clone();
    let client = infallible_client_fn(move |_| {
        let builder = http::Response::builder().status(response.status);
        let builder = response
            .etag
            .iter()
            .fold(builder, |builder, etag| builder.header("etag", etag));
        builder
            .body(response.body.clone())
            .expect("the response is valid HTTP")
    });
    SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
        .region(aws_config::Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
        .retry_config(RetryConfig::disabled())
        .http_client(client)
        .build()
}

pub fn config_api(response: &Response) -> ConfigServiceApi {
    let config = sdk(response);
    let source = (
        aws_sdk_config::Client::new(&config),
        ThrottledCaller::new(ConcurrencyLimit::default(), RetryConfig::disabled()),
    );
    ConfigServiceApi::new(
        BTreeMap::from([((Identity::Own, REGION.into()), source)]),
        ThrottleCounter::default(),
        aws_sdk_sts::Client::new(&config),
        aws_sdk_organizations::Config::new(&config),
    )
}

pub fn target() -> SourceTarget {
    SourceTarget {
        source: Source {
            caller: OWN.into(),
            region: REGION.into(),
        },
        identity: Identity::Own,
    }
}

/// Runs a call to its end, and panics after five seconds.
pub fn block_on<T>(call: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the runtime starts");
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(5), call)
            .await
            .expect("the call ends within five seconds")
    })
}

/// Returns whether an error names the operation and has a code and a message within their limits.
fn is_complete(gap: &ApiError, operation: &str) -> bool {
    gap.operation == operation
        && !gap.code.trim().is_empty()
        && !gap.message.trim().is_empty()
        && gap.code.len() <= 4_096
        && gap.message.chars().count() <= 1_024
}

/// Returns whether a page has an empty token or a record with a blank text.
fn has_blank_text<T>(page: &Page<(T, StatusRecord)>) -> bool {
    let is_blank = |text: &AwsText| text.as_str().trim().is_empty();
    page.next.as_deref() == Some("")
        || page.rows.iter().any(|(_, row)| {
            let texts = [
                &row.error_code,
                &row.error_message,
                &row.conformance_pack_name,
            ];
            row.status.as_str().trim().is_empty() || texts.into_iter().flatten().any(is_blank)
        })
}

fn has_message(error: &BoxError) -> bool {
    !packwatch::model::display_chain(error.as_ref()).is_empty()
}

const LIST: &str = "DescribeOrganizationConformancePackStatuses";
const MEMBERS: &str = "GetOrganizationConformancePackDetailedStatus";
const GONE: &str = "NoSuchOrganizationConformancePackException";

#[test]
fn record_without_name_makes_response_a_gap() {
    let ok = |body: Value| Response {
        status: 200,
        etag: None,
        body: body.to_string().into_bytes(),
    };
    for row in [
        json!({"Status": "UPDATE_SUCCESSFUL"}),
        json!({"OrganizationConformancePackName": "", "Status": "X"}),
        json!(null),
    ] {
        let named =
            json!({"OrganizationConformancePackName": "baseline", "Status": "UPDATE_FAILED"});
        let response = ok(json!({"OrganizationConformancePackStatuses": [named, row]}));
        let gap = block_on(config_api(&response).packs(&target(), None))
            .expect_err("a record without a name");
        assert_eq!(gap.code, "MalformedResponse", "{row}");
    }
    for row in [
        json!({"Status": "CREATE_SUCCESSFUL"}),
        json!({"AccountId": "", "Status": "X"}),
        json!(null),
    ] {
        let response = ok(json!({"OrganizationConformancePackDetailedStatuses": [row]}));
        let response =
            block_on(config_api(&response).members(&target(), &"baseline".into(), None, None));
        assert!(
            matches!(response, Err(MembersError::Api(gap)) if gap.code == "MalformedResponse"),
            "{row}"
        );
    }
}

#[test]
fn empty_strings_of_status_records_mean_none() {
    for blank in ["", " "] {
        let texts = json!({"OrganizationConformancePackName": "baseline", "AccountId": "222233334444", "Status": blank,
                           "ErrorCode": blank, "ErrorMessage": blank, "ConformancePackName": blank});
        let body = json!({"OrganizationConformancePackStatuses": [texts],
                          "OrganizationConformancePackDetailedStatuses": [texts], "NextToken": ""});
        let response = Response {
            status: 200,
            etag: None,
            body: body.to_string().into_bytes(),
        };
        let api = config_api(&response);
        let packs = block_on(api.packs(&target(), None)).expect("a page");
        let members = block_on(api.members(&target(), &"baseline".into(), None, None))
            .unwrap_or_else(|_| panic!("a page"));
        assert_eq!((packs.next, members.next), (None, None));
        for row in [&packs.rows[0].1, &members.rows[0].1] {
            assert_eq!(row, &StatusRecord::new("UNKNOWN"), "{blank:?}");
        }
    }
}

#[test]
fn error_without_code_or_message_gets_defaults() {
    for body in [
        "<ErrorResponse><Error><Code></Code><Message> </Message></Error></ErrorResponse>",
        "{\"__type\":\"\"}",
        "",
    ] {
        let response = Response {
            status: 400,
            etag: None,
            body: body.into(),
        };
        let identity =
            block_on(config_api(&response).identify()).expect_err("the response is an error");
        let listing = block_on(config_api(&response).packs(&target(), None))
            .expect_err("the response is an error");
        assert!(
            is_complete(&identity, "GetCallerIdentity") && is_complete(&listing, LIST),
            "{identity:?} {listing:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pack_listing_has_all_rows_or_is_gap(response in any_response()) {
        match block_on(config_api(&response).packs(&target(), None)) {
            Ok(page) => {
                prop_assert!(response.succeeds());
                let rows = rows(&response.body, "OrganizationConformancePackStatuses", "OrganizationConformancePackName");
                prop_assert_eq!(rows, Some(page.rows.len()));
                prop_assert!(!has_blank_text(&page), "{:?}", page);
            }
            Err(gap) => prop_assert!(is_complete(&gap, LIST), "{:?}", gap),
        }
    }

    #[test]
    fn pack_is_missing_only_when_aws_config_reports_it(response in any_response()) {
        match block_on(config_api(&response).pack(&target(), &"baseline".into())) {
            Ok(None) => prop_assert!(!response.succeeds() && response.contains(GONE)),
            Ok(Some(_)) => prop_assert!(response.succeeds() && response.contains("baseline")),
            Err(gap) => prop_assert!(is_complete(&gap, LIST), "{:?}", gap),
        }
    }

    #[test]
    fn member_page_has_all_rows_or_is_gap(response in any_response()) {
        match block_on(config_api(&response).members(&target(), &"baseline".into(), None, None)) {
            Ok(page) => {
                prop_assert!(response.succeeds());
                let rows = rows(&response.body, "OrganizationConformancePackDetailedStatuses", "AccountId");
                prop_assert_eq!(rows, Some(page.rows.len()));
                prop_assert!(!has_blank_text(&page), "{:?}", page);
            }
            Err(MembersError::NoSuchPack) => prop_assert!(!response.succeeds() && response.contains(GONE)),
            Err(MembersError::Api(gap)) => prop_assert!(is_complete(&gap, MEMBERS), "{:?}", gap),
        }
    }

    #[test]
    fn identity_is_account_or_gap(response in any_response()) {
        match block_on(config_api(&response).identify()) {
            Ok(account) => prop_assert!(response.succeeds() && response.contains(account.as_str())),
            Err(gap) => prop_assert!(is_complete(&gap, "GetCallerIdentity"), "{:?}", gap),
        }
    }

    #[test]
    fn object_is_missing_only_when_s3_reports_it(response in any_response()) {
        let store = S3Store::new(aws_sdk_s3::Client::new(&sdk(&response)), "bucket".into(), Duration::from_secs(10));
        match block_on(store.get("ledger.json")) {
            Ok(Some((body, ETag(etag)))) => {
                prop_assert!(response.succeeds());
                let bytes = body.bytes().expect("bytes").to_vec();
                prop_assert_eq!((bytes, Some(etag)), (response.body.clone(), response.trimmed_etag()));
            }
            Ok(None) => prop_assert!(!response.succeeds() && response.contains("NoSuchKey")),
            Err(cause) => prop_assert!(has_message(&cause)),
        }
    }

    #[test]
    fn object_head_is_missing_only_with_status_404(response in any_response()) {
        let store = S3Store::new(aws_sdk_s3::Client::new(&sdk(&response)), "bucket".into(), Duration::from_secs(10));
        match block_on(store.head("latest.json")) {
            Ok(Some(ObjectHead { etag: ETag(etag), sequence })) => {
                prop_assert!(response.succeeds());
                prop_assert_eq!((Some(etag), sequence), (response.trimmed_etag(), None));
            }
            Ok(None) => prop_assert_eq!(response.status, 404),
            Err(cause) => prop_assert!(has_message(&cause)),
        }
    }

    #[test]
    fn put_succeeds_only_with_etag_and_is_rejected_only_by_4xx(response in any_response()) {
        let store = S3Store::new(aws_sdk_s3::Client::new(&sdk(&response)), "bucket".into(), Duration::from_secs(10));
        let mode = PutMode::Update(ETag("\"0\"".into()));
        match block_on(store.put("ledger.json", b"{}".to_vec().into(), ObjectMetadata::default(), &mode)) {
            Ok(ETag(etag)) => prop_assert!(response.succeeds() && response.trimmed_etag() == Some(etag)),
            Err(PutError::PreconditionFailed) => prop_assert!([404, 409, 412].contains(&response.status)),
            Err(PutError::Rejected(cause)) => prop_assert!((400..500).contains(&response.status) && has_message(&cause)),
            Err(PutError::Indeterminate(cause)) => prop_assert!(!(400..500).contains(&response.status) && has_message(&cause)),
        }
    }

    #[test]
    fn publish_succeeds_only_when_sns_reports_success(response in any_response()) {
        let topics = BTreeMap::from([(TOPIC.into(), aws_sdk_sns::Client::new(&sdk(&response)))]);
        let message = SnsMessage {
            subject: "packwatch".into(),
            body: "{}".into(),
            message_structure_json: false,
            attributes: BTreeMap::new(),
            deduplication_id: "one".into(),
        };
        match block_on(AwsNotifier::new(topics, None).publish(&TOPIC.into(), &message)) {
            Ok(()) => prop_assert!(response.succeeds()),
            Err(error) => prop_assert!(has_message(&error.into_cause())),
        }
    }
}

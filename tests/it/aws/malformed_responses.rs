//! What AWS answers, whatever it is: through the real clients every answer is what it says, or an
//! error that says which call it was. Nothing panics, and no answer that is not whole proves
//! anything.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_types::retry::RetryConfig;
use packwatch::aws::{
    ConcurrencyLimit, ConfigServiceApi, S3Store, SnsNotifier, ThrottleCounter, ThrottledCaller,
};
use packwatch::model::Identity;
use packwatch::model::SnsMessage;
use packwatch::model::SourceTarget;
use packwatch::model::{ApiError, Source};
use packwatch::ports::{
    BoxError, ConfigApi, ETag, MembersError, Notifier, ObjectStore, PutError, PutMode,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::run::fuzzed_inputs::{document, mutated};
use crate::support::harness::{OWN, REGION, TOPIC};

/// An answer as it leaves the service.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub etag: Option<String>,
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Answer {
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

impl Answer {
    fn succeeds(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The entity tag, as HTTP gives it on; one that is empty is none.
    fn version(&self) -> Option<String> {
        self.etag
            .as_deref()
            .map(str::trim)
            .filter(|tag| !tag.is_empty())
            .map(str::to_owned)
    }

    fn names(&self, word: &str) -> bool {
        String::from_utf8_lossy(&self.body).contains(word)
    }
}

/// What the services say when they are well, and when they are not.
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

/// Any bytes, or a real document: whole, cut, with a few bytes changed, with a key misspelt, or
/// with a part replaced.
pub fn body() -> impl Strategy<Value = Vec<u8>> {
    let whole = || select(documents()).prop_map(String::into_bytes);
    let cut = (whole(), any::<Index>()).prop_map(|(mut body, end)| {
        body.truncate(end.index(body.len()));
        body
    });
    let changed =
        (whole(), vec((any::<Index>(), any::<u8>()), 1..4)).prop_map(|(mut body, bytes)| {
            for (at, byte) in bytes {
                let at = at.index(body.len());
                body[at] = byte;
            }
            body
        });
    let misspelt = (whole(), any::<Index>()).prop_map(|(body, which)| {
        let mut text = String::from_utf8(body).expect("text");
        let keys: Vec<usize> = text.match_indices("\":").map(|(at, _)| at).collect();
        if !keys.is_empty() {
            text.insert(keys[which.index(keys.len())], '_');
        }
        text.into_bytes()
    });
    let replaced = (whole(), vec(0..8_usize, 0..5), document()).prop_map(|(body, path, part)| {
        serde_json::from_slice::<Value>(&body).map_or(body, |whole| {
            mutated(&whole, &path, part).to_string().into_bytes()
        })
    });
    prop_oneof![1 => vec(any::<u8>(), 0..200), 2 => whole(), 2 => cut, 2 => changed, 4 => misspelt, 4 => replaced]
}

pub fn status() -> impl Strategy<Value = u16> {
    prop_oneof![
        6 => Just(200),
        6 => select(vec![202, 204, 206, 301, 304, 400, 403, 404, 409, 412, 416, 429, 500, 503]),
        1 => 200..600_u16,
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    let etag = prop_oneof![
        Just(None),
        Just(Some("\"1\"".to_owned())),
        "[ -~]{0,12}".prop_map(Some)
    ];
    (status(), etag, body()).prop_map(|(status, etag, body)| Answer { status, etag, body })
}

/// A list that can be believed: every row is there, and has a name. Control characters and broken
/// UTF-8 inside strings hide no row, and pass the SDK.
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

fn sdk(answer: &Answer) -> SdkConfig {
    let answer = answer.clone();
    let client = infallible_client_fn(move |_| {
        let response = http::Response::builder().status(answer.status);
        let response = answer
            .etag
            .iter()
            .fold(response, |response, etag| response.header("etag", etag));
        response.body(answer.body.clone()).expect("a response")
    });
    SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
        .region(aws_config::Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
        .retry_config(RetryConfig::disabled())
        .http_client(client)
        .build()
}

fn statuses(answer: &Answer) -> ConfigServiceApi {
    let config = sdk(answer);
    let source = (
        aws_sdk_config::Client::new(&config),
        ThrottledCaller::new(ConcurrencyLimit::default(), None),
    );
    ConfigServiceApi::new(
        BTreeMap::from([((Identity::Own, REGION.into()), source)]),
        ThrottleCounter::default(),
        aws_sdk_sts::Client::new(&config),
        aws_sdk_organizations::Config::new(&config),
    )
}

fn watched() -> SourceTarget {
    SourceTarget {
        source: Source {
            caller: OWN.into(),
            region: REGION.into(),
        },
        caller: Identity::Own,
    }
}

/// Waits for a call, and not for ever.
fn wait<T>(call: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(5), call)
            .await
            .expect("it does not hang")
    })
}

fn is_clear(gap: &ApiError, operation: &str) -> bool {
    gap.operation == operation
        && !gap.code.trim().is_empty()
        && !gap.message.trim().is_empty()
        && gap.code.len() <= 4_096
        && gap.message.chars().count() <= 1_024
}

fn says_something(cause: &BoxError) -> bool {
    !packwatch::model::display_chain(cause.as_ref()).is_empty()
}

const LIST: &str = "DescribeOrganizationConformancePackStatuses";
const MEMBERS: &str = "GetOrganizationConformancePackDetailedStatus";
const GONE: &str = "NoSuchOrganizationConformancePackException";

#[test]
fn a_row_that_does_not_say_whose_it_is_makes_its_answer_a_gap() {
    let ok = |body: Value| Answer {
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
        let answer = ok(json!({"OrganizationConformancePackStatuses": [named, row]}));
        let gap =
            wait(statuses(&answer).packs(&watched(), None)).expect_err("a row without a name");
        assert_eq!(gap.code, "UnreadableAnswer", "{row}");
    }
    for row in [
        json!({"Status": "CREATE_SUCCESSFUL"}),
        json!({"AccountId": "", "Status": "X"}),
        json!(null),
    ] {
        let answer = ok(json!({"OrganizationConformancePackDetailedStatuses": [row]}));
        let answer = wait(statuses(&answer).members(&watched(), &"baseline".into(), None, None));
        assert!(
            matches!(answer, Err(MembersError::Api(gap)) if gap.code == "UnreadableAnswer"),
            "{row}"
        );
    }
}

#[test]
fn an_error_without_a_word_gets_one_of_ours() {
    for body in [
        "<ErrorResponse><Error><Code></Code><Message> </Message></Error></ErrorResponse>",
        "{\"__type\":\"\"}",
        "",
    ] {
        let answer = Answer {
            status: 400,
            etag: None,
            body: body.into(),
        };
        let identity = wait(statuses(&answer).identify()).expect_err("an error");
        let listing = wait(statuses(&answer).packs(&watched(), None)).expect_err("an error");
        assert!(
            is_clear(&identity, "GetCallerIdentity") && is_clear(&listing, LIST),
            "{identity:?} {listing:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_listing_is_the_rows_of_its_answer_or_a_gap(answer in answer()) {
        match wait(statuses(&answer).packs(&watched(), None)) {
            Ok(page) => {
                prop_assert!(answer.succeeds());
                let rows = rows(&answer.body, "OrganizationConformancePackStatuses", "OrganizationConformancePackName");
                prop_assert_eq!(rows, Some(page.rows.len()));
            }
            Err(gap) => prop_assert!(is_clear(&gap, LIST), "{:?}", gap),
        }
    }

    #[test]
    fn a_pack_asked_for_by_name_is_gone_only_when_aws_says_so(answer in answer()) {
        match wait(statuses(&answer).pack(&watched(), &"baseline".into())) {
            Ok(None) => prop_assert!(!answer.succeeds() && answer.names(GONE)),
            Ok(Some(_)) => prop_assert!(answer.succeeds() && answer.names("baseline")),
            Err(gap) => prop_assert!(is_clear(&gap, LIST), "{:?}", gap),
        }
    }

    #[test]
    fn members_are_the_rows_of_their_answer_or_a_gap(answer in answer()) {
        match wait(statuses(&answer).members(&watched(), &"baseline".into(), None, None)) {
            Ok(page) => {
                prop_assert!(answer.succeeds());
                let rows = rows(&answer.body, "OrganizationConformancePackDetailedStatuses", "AccountId");
                prop_assert_eq!(rows, Some(page.rows.len()));
            }
            Err(MembersError::NoSuchPack) => prop_assert!(!answer.succeeds() && answer.names(GONE)),
            Err(MembersError::Api(gap)) => prop_assert!(is_clear(&gap, MEMBERS), "{:?}", gap),
        }
    }

    #[test]
    fn an_identity_is_an_account_or_a_gap(answer in answer()) {
        match wait(statuses(&answer).identify()) {
            Ok(account) => prop_assert!(answer.succeeds() && answer.names(account.as_str())),
            Err(gap) => prop_assert!(is_clear(&gap, "GetCallerIdentity"), "{:?}", gap),
        }
    }

    #[test]
    fn an_object_is_its_bytes_and_missing_only_when_s3_says_so(answer in answer()) {
        let archive = S3Store::new(aws_sdk_s3::Client::new(&sdk(&answer)), "bucket".into(), Duration::from_secs(10));
        match wait(archive.get("ledger.json")) {
            Ok(Some((bytes, ETag(version)))) => {
                prop_assert!(answer.succeeds());
                prop_assert_eq!((bytes, Some(version)), (answer.body.clone(), answer.version()));
            }
            Ok(None) => prop_assert!(!answer.succeeds() && answer.names("NoSuchKey")),
            Err(cause) => prop_assert!(says_something(&cause)),
        }
    }

    #[test]
    fn a_write_has_landed_only_with_its_version_and_is_refused_only_by_a_client_error(answer in answer()) {
        let archive = S3Store::new(aws_sdk_s3::Client::new(&sdk(&answer)), "bucket".into(), Duration::from_secs(10));
        match wait(archive.put("ledger.json", "{}".into(), &PutMode::Update(ETag("\"0\"".into())))) {
            Ok(ETag(version)) => prop_assert!(answer.succeeds() && answer.version() == Some(version)),
            Err(PutError::PreconditionFailed) => prop_assert!([404, 409, 412].contains(&answer.status)),
            Err(PutError::Rejected(cause)) => prop_assert!((400..500).contains(&answer.status) && says_something(&cause)),
            Err(PutError::Indeterminate(cause)) => prop_assert!(!(400..500).contains(&answer.status) && says_something(&cause)),
        }
    }

    #[test]
    fn a_digest_is_sent_only_when_sns_says_so(answer in answer()) {
        let topics = BTreeMap::from([(TOPIC.into(), aws_sdk_sns::Client::new(&sdk(&answer)))]);
        let message = SnsMessage {
            subject: "packwatch".into(),
            body: "{}".into(),
            message_structure_json: false,
            attributes: BTreeMap::new(),
            deduplication_id: "one".into(),
        };
        match wait(SnsNotifier::new(topics).publish(&TOPIC.into(), &message)) {
            Ok(()) => prop_assert!(answer.succeeds()),
            Err(cause) => prop_assert!(says_something(&cause)),
        }
    }
}

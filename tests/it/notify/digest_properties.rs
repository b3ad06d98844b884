//! Properties of the rendered digest for generated contents: size limits, characters and numbers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use packwatch::model::{
    Attribute, FailureKey, GroupId, PackKey, RunTotals, SIZE_LIMIT, Source, StatusRecord,
};
use packwatch::notify::digest::{Digest, SnapshotAddress, sanitize};
use packwatch::report::{
    EmptySourceRecord, EmptySourceState, FailureDetails, FailureRecord, NotificationState,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use crate::support::harness::time;

fn record(
    region: u8,
    pack: &str,
    account: u64,
    code: &str,
    message: &str,
    age: i64,
) -> FailureRecord {
    let source = Source {
        caller: "111122223333".into(),
        region: format!("xx-region-{region}").as_str().into(),
    };
    let since = time("2026-03-01T08:00:00Z") - SignedDuration::from_secs(age);
    let cause = StatusRecord {
        error_code: Some(sanitize(code).into()),
        error_message: Some(sanitize(message).into()),
        ..StatusRecord::new("UPDATE_FAILED")
    };
    FailureRecord {
        key: FailureKey {
            pack: PackKey {
                source,
                pack: pack.into(),
            },
            account_id: Some(format!("{account:012}").as_str().into()),
        },
        group_id: GroupId::of(&cause),
        details: FailureDetails {
            account_name: None,
            account_state: None,
            conformance_pack_name: None,
            status: cause.status.clone(),
            stuck: false,
            error_code: cause.error_code.clone(),
            error_message: cause.error_message.clone(),
            last_update_time: None,
            failing_since: since,
            changed_at: None,
            change: NotificationState::Appeared,
            ignored: false,
            muted_until: None,
        },
        cause,
    }
}

fn empty_source(number: usize, state: EmptySourceState) -> EmptySourceRecord {
    let source = Source {
        caller: format!("{number:012}").as_str().into(),
        region: "eu-west-1".into(),
    };
    EmptySourceRecord {
        source,
        packs_before: number,
        since: time("2026-03-01T08:00:00Z"),
        state,
    }
}

prop_compose! {
    fn records()(
        packs in vec("[a-zA-Z][-a-zA-Z0-9]{0,127}", 1..6),
        rows in vec((0..3_u8, 0..6_usize, 0..1_000_000_u64, "[ -~]{0,40}", "\\PC{0,200}", 0..10_000_000_i64), 0..400),
    ) -> Vec<FailureRecord> {
        let mut records: Vec<_> = rows
            .into_iter()
            .map(|(region, pack, account, code, message, age)| record(region, &packs[pack % packs.len()], account, &code, &message.repeat(5), age))
            .collect();
        records.sort_by(|one, other| one.key.cmp(&other.key));
        records
    }
}

fn digest(
    appeared: Vec<FailureRecord>,
    label: Option<String>,
    first_run: bool,
    prefix: &str,
) -> Digest {
    let failures = || appeared.iter().map(|record| &record.key);
    let packs: BTreeSet<_> = failures().map(|key| key.pack.clone()).collect();
    Digest {
        id: "run.0.1".into(),
        run_id: Some("00000000-0000-4000-8000-000000000000".into()),
        sequence: 7,
        created_at: time("2026-03-01T08:00:00Z"),
        as_of: time("2026-03-01T08:00:00Z"),
        label,
        status: false,
        first_run,
        totals: RunTotals {
            appeared: appeared.len(),
            open_total: appeared.len(),
            ..RunTotals::default()
        },
        open: appeared.len(),
        packs_open: failures().map(|key| key.pack.pack.clone()).collect(),
        packs_failing: packs.len(),
        appeared,
        cleared: vec![],
        unwatched: vec![],
        reminders: vec![],
        gaps: vec![],
        empty_sources: vec![],
        packs_affected: BTreeSet::new(),
        still_open: BTreeMap::new(),
        pending: 0,
        muted: 0,
        newly_watched: BTreeSet::new(),
        snapshot: Some(SnapshotAddress {
            bucket: "b".repeat(63),
            key: format!("{prefix}x.json"),
            region: "eu-west-1".into(),
        }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn digest_renderings_stay_within_limits(
        records in records(), label in proptest::option::of("[a-zA-Z0-9._-]{1,24}"), first_run: bool, prefix in "[a-z/(é]{0,511}",
        empty_sources in vec(select(vec![EmptySourceState::Began, EmptySourceState::Ended]), 0..60)
    ) {
        let mut digest = digest(records, label, first_run, &prefix);
        digest.empty_sources = empty_sources.into_iter().enumerate().map(|(number, state)| empty_source(number, state)).collect();
        let subject = digest.subject();
        prop_assert!(subject.len() <= 99 && subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", subject);
        let began = digest.empty_sources.iter().filter(|record| record.state == EmptySourceState::Began).count();
        prop_assert!(began == 0 || subject.contains(&format!("{began} source")), "{}", subject);
        let open = format!("{} open", digest.totals.open_total);
        prop_assert!(subject.contains(&open), "the subject has no exact number of open failures: {}", subject);
        prop_assert!(digest.text().len() <= 30_000);
        for message in [digest.message(), digest.chat_message()] {
            let attributes = message.attributes.iter().map(|(name, value)| name.len() + value.data_type().len() + value.value().len());
            prop_assert!(message.body.len() + message.subject.len() + attributes.sum::<usize>() < SIZE_LIMIT);
        }
        let message = digest.message();
        let body: Value = serde_json::from_str(&message.body).expect("JSON");
        let program: Value = serde_json::from_str(body["default"].as_str().expect("a default")).expect("JSON");
        let listed = program["appeared"].as_array().expect("a list").len();
        prop_assert_eq!(program["truncated"].as_bool(), Some(listed < digest.appeared.len()));
        for list in ["packs", "regions"] {
            let attribute = message.attributes.get(list).map_or_else(|| "[]".to_owned(), Attribute::value);
            prop_assert_eq!(program[list].to_string(), attribute, "an empty list is left out of the attributes");
        }
        prop_assert_eq!(program["empty_sources"].as_array().map(Vec::len), Some(digest.empty_sources.len()));
        prop_assert_eq!(program["totals"]["appeared"].as_u64(), Some(digest.appeared.len() as u64));
    }

    #[test]
    fn sanitize_removes_control_and_markup_and_is_idempotent(text in any::<String>()) {
        let sanitized = sanitize(&text);
        let unmarked = ["[.]", "[:]", "[at]"].iter().fold(sanitized.clone(), |text, mark| text.replace(mark, ""));
        prop_assert!(!unmarked.chars().any(|c| c.is_control() || "<>@[]|`*~".contains(c)), "{:?}", sanitized);
        prop_assert_eq!(sanitize(&sanitized), sanitized);
    }
}

/// Generates texts that imitate links, mentions, markup and entries of an account list.
fn hostile_text() -> impl Strategy<Value = String> {
    let parts = vec![
        "dev",
        "\"",
        "“",
        "''",
        ", ",
        ",",
        "999988887777 ",
        " (suspended)",
        " and 3 more",
        "\n",
        "https://evil.com",
        "HTTP",
        "ht\u{200b}tp",
        "://",
        "：／／",
        "//",
        "www.",
        "ｗｗｗ．",
        "WwW",
        ".",
        "com",
        "user@evil.com",
        "mailto:",
        "@here",
        "<!channel>",
        "<@U1>",
        "[a](http://b.io)",
        "`",
        "*",
        "_",
        "~",
        "|",
        "\u{202e}",
        "\u{2067}",
        "\u{0}",
        "\u{1b}[31m",
        "[",
        "]",
        "é",
        "例え",
    ];
    vec(select(parts), 0..9).prop_map(|parts| parts.concat())
}

/// Returns what could be a link, a mention or markup in a text that people see. The addresses that
/// packwatch builds are whole lines.
fn active_parts(text: &str) -> Vec<String> {
    let own = ["Snapshot: ", "Console:  ", "[Snapshot]("];
    let lines = text
        .lines()
        .filter(|line| !own.iter().any(|start| line.starts_with(start)));
    let mut active = Vec::new();
    for line in lines {
        let lower = line.to_lowercase();
        let marks = [
            "://",
            "：／／",
            "www.",
            "ｗｗｗ．",
            "@",
            "<",
            ">",
            "](",
            "`",
            "*",
            "~",
            "|",
        ];
        active.extend(
            marks
                .iter()
                .filter(|mark| lower.contains(*mark))
                .map(|mark| format!("{mark} in {line}")),
        );
        let hosts = [".com", ".io"]
            .map(|end| {
                lower
                    .match_indices(end)
                    .map(|(at, _)| at)
                    .collect::<Vec<_>>()
            })
            .concat();
        let hosts = hosts
            .into_iter()
            .filter(|&at| lower[..at].ends_with(char::is_alphanumeric));
        active.extend(hosts.map(|at| format!("a host name that ends at {at} of {line}")));
        let invisible = |c: char| {
            c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        };
        active.extend(
            line.contains(invisible)
                .then(|| format!("an invisible character in {line:?}")),
        );
    }
    active
}

/// Returns the ids of an account list, or `None` if it is not one from start to end.
fn account_ids(list: &str) -> Option<Vec<String>> {
    let mut ids = Vec::new();
    let mut rest = list;
    loop {
        let (id, after) = rest.split_at_checked(12)?;
        id.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| ids.push(id.to_owned()))?;
        rest = after;
        if let Some(name) = rest.strip_prefix(" \"") {
            rest = name.split_once('"')?.1;
        }
        if let Some(state) = rest.strip_prefix(" (") {
            rest = state.split_once(')')?.1;
        }
        match rest.strip_prefix(", ") {
            Some(next) => rest = next,
            None => return rest.is_empty().then_some(ids),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_names_and_messages_are_inert(
        accounts in vec((hostile_text(), proptest::option::of(hostile_text())), 1..9),
        pack in "[a-zA-Z][-a-zA-Z0-9]{0,20}", hostile_pack in hostile_text(), code in hostile_text(), message in hostile_text(),
    ) {
        let records = |pack: &str, code: &str, message: &str| -> Vec<FailureRecord> {
            let numbered = accounts.iter().zip(100..);
            let named = numbered.map(|((name, state), number)| {
                let mut record = record(0, pack, number, code, message, 0);
                record.details.account_name = Some(name.as_str().into());
                record.details.account_state = state.as_deref().map(Into::into);
                record
            });
            named.collect()
        };
        let listed = digest(records(&pack, "Broken", "it broke"), None, false, "");
        let email = listed.text();
        for line in email.lines() {
            let word = line.split_whitespace().next().unwrap_or_default();
            prop_assert!(!word.starts_with("9999"), "a part of a name begins a line: {}", email);
        }
        let joined = email.split_whitespace().collect::<Vec<_>>().join(" ");
        let start = format!("{pack}: {} account{}: Broken ", accounts.len(), if accounts.len() == 1 { "" } else { "s" });
        let list = joined.rsplit_once(&start).and_then(|(_, rest)| rest.split_once(" UPDATE_FAILED in xx-region-0"));
        let expected: Vec<String> = (100..).take(accounts.len()).map(|number| format!("{number:012}")).collect();
        prop_assert_eq!(list.and_then(|(list, _)| account_ids(list)), Some(expected), "{}", email);

        let mut hostile = digest(records(&hostile_pack, &code, &message), None, false, "");
        hostile.reminders.clone_from(&hostile.appeared);
        for digest in [&listed, &hostile] {
            let chat: Value = serde_json::from_str(&digest.chat_message().body).expect("JSON");
            let chat = chat["content"]["description"].as_str().expect("a description").to_owned();
            for text in [digest.subject(), digest.text(), chat] {
                prop_assert_eq!(active_parts(&text), Vec::<String>::new());
            }
        }
    }
}

#[test]
fn reason_at_end_of_long_message_is_shown() {
    let message = format!(
        "{}reason: no recorder",
        "arn:aws:iam::222233334444:role/x ".repeat(30)
    );
    let text = digest(
        vec![record(0, "baseline", 1, "Broken", &message, 0)],
        None,
        false,
        "",
    )
    .text();
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        joined.contains(" ... ") && joined.contains("role/x reason: no recorder"),
        "{joined}"
    );
}

#[test]
fn first_ten_lines_summarize_large_digest() {
    let records = (0..60)
        .map(|n| record(0, &format!("pack-{n:02}"), n, "Broken", "it broke", 0))
        .collect();
    let text = digest(records, None, false, "").text();
    let first: Vec<&str> = text.lines().take(10).collect();
    assert_eq!(
        first[0],
        "packwatch: 60 appeared, 0 cleared, 60 open in 60 packs"
    );
    assert_eq!(first[2], "+ pack-00: 1 account: Broken");
    assert!(first.contains(&"and 55 more below"), "{first:?}");
}

#[test]
fn sanitize_keeps_underscores_inside_identifiers() {
    assert_eq!(
        sanitize("UPDATE_FAILED in arn:aws:iam::1:role/a-b_c"),
        "UPDATE_FAILED in arn:aws:iam::1:role/a-b_c"
    );
    assert_eq!(sanitize("_now_ <!here>\u{200b}"), "＿now＿ ‹!here›");
}

#[test]
fn failures_differing_in_identifiers_form_one_group() {
    let records = (0..3_u64)
        .map(|n| {
            let message = format!(
                "role arn:aws-us-gov:iam::{n:012}:role/x in {n:012} or x_{n:012}_y ({n:08x}-0000-4000-8000-{n:012x}), Request ID: ABC{n:09} é"
            );
            record(0, "baseline", n, "Broken", &message, 0)
        })
        .collect();
    let text = digest(records, None, false, "").text();
    assert!(text.contains("3 accounts: Broken"), "{text}");
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        joined.contains("role ARN in ACCOUNT or xACCOUNTy (ID), Request ID: ID é"),
        "{joined}"
    );
}

#[test]
fn request_ids_are_masked_in_every_notation() {
    for notation in [
        "(Request ID: A000000000000#; S3 Extended Request ID: vlR7+/x#==)",
        "x-amz-request-id: ABCDEF0123456#",
        "{\"requestId\":\"ABCDEF0123456#\"}",
        "request_id: ABCDEF0123456#",
        "RequestId=ABCDEF0123456#",
    ] {
        let records = (0..3)
            .map(|n| {
                record(
                    0,
                    "baseline",
                    n,
                    "Broken",
                    &notation.replace('#', &n.to_string()),
                    0,
                )
            })
            .collect();
        let text = digest(records, None, false, "").text();
        assert!(text.contains("3 accounts: Broken"), "{notation}: {text}");
    }
}

#[test]
fn subject_keeps_pack_count_when_reminders_do_not_fit() {
    let appeared: Vec<_> = ["a", "b", "a"]
        .into_iter()
        .zip(100..)
        .map(|(p, a)| record(0, p, a, "C", "m", 5))
        .collect();
    let mut digest = digest(appeared.clone(), Some("production".into()), false, "");
    digest.totals.cleared = 1;
    digest.reminders = [appeared.clone(), appeared].concat();
    digest.gaps = Vec::new();
    digest.empty_sources = vec![empty_source(1, EmptySourceState::Began)];
    let subject = digest.subject();
    assert_eq!(
        subject,
        "packwatch production: 3 appeared, 1 cleared, 3 open in 2 packs, 1 source lists no packs"
    );
}

#[test]
fn many_empty_sources_leave_space_for_appeared() {
    let appeared = (100..103)
        .map(|account| record(0, "a", account, "C", "m", 5))
        .collect();
    let mut digest = digest(appeared, Some("prod".into()), false, "");
    digest.empty_sources = (0..90)
        .map(|number| empty_source(number, EmptySourceState::Began))
        .collect();
    let text = digest.text();
    let after = text
        .split("Appeared (3)")
        .nth(1)
        .expect("a section for the appeared failures");
    assert!(
        after.contains("000000000100"),
        "the section lists the accounts: {after}"
    );
}

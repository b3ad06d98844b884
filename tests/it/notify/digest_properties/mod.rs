//! Properties of digests of random worlds: limits, forms, and that groups, numbers and words agree
//! with the ledger.

mod subject_rules;
pub mod world;

use std::collections::{BTreeMap, BTreeSet};

use packwatch::ledger::{Ledger, OpenFailure};
use packwatch::model::{
    Attribute, FailureKey, GroupId, Resolution, SIZE_LIMIT, SnsMessage, StatusRecord,
};
use packwatch::notify::digest::{Digest, DigestKind};
use packwatch::report::{Group, GroupEvent, sanitize};
use proptest::prelude::*;
use serde_json::Value;

use world::{IGNORED, Made, RECEIVER, World, hostile_text, now, world};

/// Returns the JSON for programs in a message.
fn program(message: &SnsMessage) -> Value {
    let body: Value = serde_json::from_str(&message.body).expect("JSON");
    serde_json::from_str(body["default"].as_str().expect("a default")).expect("JSON")
}

fn chat(digest: &Digest) -> Value {
    serde_json::from_str(&digest.chat_message().body).expect("JSON")
}

fn description(digest: &Digest) -> String {
    chat(digest)["content"]["description"]
        .as_str()
        .expect("a description")
        .to_owned()
}

/// Returns the size in bytes that SNS counts.
fn size(message: &SnsMessage) -> usize {
    let attributes = message.attributes.iter();
    let attributes =
        attributes.map(|(name, value)| name.len() + value.data_type().len() + value.value().len());
    message.body.len() + message.subject.len() + attributes.sum::<usize>()
}

fn is_ignored(key: &FailureKey) -> bool {
    key.account_id
        .as_ref()
        .is_some_and(|id| id.as_str() == IGNORED)
}

fn is_muted(open: &OpenFailure) -> bool {
    open.muted_until.is_some_and(|until| now() < until)
}

/// Returns the open failures that a digest must count, with the event of their group.
fn expected_failures(made: &Made) -> BTreeMap<&FailureKey, (GroupEvent, GroupId)> {
    let everything = made.digest.kind != DigestKind::Changes;
    let open = made.ledger.open.iter().filter_map(|(key, open)| {
        let in_scope = !made.scope.narrowed || made.scope.covers(key);
        if is_ignored(key) || is_muted(open) || !in_scope {
            return None;
        }
        let notified = open.notified.contains(RECEIVER);
        let event = match (open.due, notified) {
            _ if made.changes.reminders.contains(key) => GroupEvent::Reminder,
            (true, false) => GroupEvent::Appeared,
            (_, true) => GroupEvent::Open,
            (false, false) if everything => GroupEvent::Open,
            (false, false) => return None,
        };
        Some((key, (event, open.group_id)))
    });
    open.collect()
}

/// Returns the number of failures of each cause that the receiver knows as open after the digest.
fn open_after(ledger: &Ledger, made: &Made) -> BTreeMap<GroupId, usize> {
    let mut counts = BTreeMap::new();
    for (key, open) in &ledger.open {
        let known = open.notified.contains(RECEIVER) || made.changes.appeared.contains(key);
        if known && !is_muted(open) && !is_ignored(key) {
            *counts.entry(open.group_id).or_default() += 1;
        }
    }
    counts
}

/// Returns the failures in the groups with this event, by cause.
fn failures_by_cause<'a>(
    groups: impl Iterator<Item = &'a Group>,
) -> BTreeMap<(GroupEvent, GroupId), usize> {
    let mut counts = BTreeMap::new();
    for group in groups {
        *counts.entry((group.event, group.group_id)).or_default() += group.failures;
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_failure_is_in_exactly_one_group(world in world()) {
        let made = Made::new(world);
        let digest = &made.digest;
        let expected = expected_failures(&made);
        let mut counts: BTreeMap<(GroupEvent, GroupId), usize> = BTreeMap::new();
        let mut accounts: BTreeMap<(GroupEvent, GroupId), BTreeSet<&str>> = BTreeMap::new();
        for (key, of) in &expected {
            *counts.entry(*of).or_default() += 1;
            accounts.entry(*of).or_default().extend(key.account_id.iter().map(packwatch::model::AccountId::as_str));
        }
        let open_groups = || digest.groups.iter().filter(|group| group.event != GroupEvent::Cleared && group.muted == 0);
        prop_assert_eq!(failures_by_cause(open_groups()), counts);
        for group in open_groups() {
            let ids: BTreeSet<&str> = group.accounts.keys().map(packwatch::model::AccountId::as_str).collect();
            prop_assert_eq!(&ids, &accounts[&(group.event, group.group_id)]);
        }
        // What ended is counted by its evidence.
        for resolution in [Resolution::Recovered, Resolution::AccountRemoved, Resolution::PackRemoved, Resolution::Attributed, Resolution::Unwatched] {
            let grouped: usize = digest.groups.iter().filter(|group| group.resolution == Some(resolution)).map(|group| group.failures).sum();
            let told = made.changes.ended().chain(&made.changes.unwatched);
            let told = told.filter(|key| made.ledger.resolved[key].resolution == resolution).count();
            prop_assert_eq!(grouped, told);
        }
        // A cause with failures that are muted now has a group, so that programs learn of it.
        let known = open_after(&made.ledger, &made);
        let mut unique = BTreeSet::new();
        for group in &digest.groups {
            prop_assert!(unique.insert((group.event, group.resolution, group.group_id)), "two groups of one cause and event");
            prop_assert_eq!(group.open_after, known.get(&group.group_id).copied().unwrap_or_default());
        }
    }

    #[test]
    fn json_agrees_with_the_groups_and_the_ledger(world in world()) {
        let made = Made::new(world);
        let digest = &made.digest;
        let message = digest.message();
        let json = program(&message);
        let expected = expected_failures(&made);
        let with = |wanted| expected.values().filter(|(event, _)| *event == wanted).count();
        prop_assert_eq!(json["totals"]["appeared"].as_u64(), Some(with(GroupEvent::Appeared) as u64));
        prop_assert_eq!(json["totals"]["open_total"].as_u64(), Some(made.ledger.open.len() as u64));
        prop_assert_eq!(json["subject"].as_str(), Some(message.subject.as_str()));
        prop_assert_eq!(json["kind"].as_str(), Some(if digest.kind == DigestKind::Changes { "digest" } else { "status" }));
        let open = made.ledger.open.iter().filter(|(key, open)| !is_ignored(key) && !is_muted(open)).count();
        prop_assert_eq!(message.attributes["open"].value(), open.to_string());
        let gaps = json["gaps"].as_array().expect("a list");
        let lasting = made.ledger.gaps.iter().filter(|(key, gap)| gap.ended.is_none() && made.scope.shows_gap(key)).count();
        prop_assert_eq!(gaps.len(), lasting + made.changes.gaps_ended.len());
        let of_run = made.ledger.gaps.iter().filter(|(key, gap)| gap.ended.is_none() && (!made.scope.narrowed || made.scope.covers_gap(key)));
        prop_assert_eq!(json["complete"].as_bool(), Some(of_run.count() == 0));
        if json["truncated"] == false {
            for (list, total) in [("appeared", &digest.records.appeared), ("cleared", &digest.records.cleared), ("unwatched", &digest.records.unwatched), ("reminders", &digest.records.reminders)] {
                prop_assert_eq!(json[list].as_array().map(Vec::len), Some(total.total));
            }
            prop_assert_eq!(json["groups"].as_array().map(Vec::len), Some(digest.groups.len()));
        }
        for record in ["appeared", "reminders"].into_iter().flat_map(|list| json[list].as_array().expect("a list")) {
            prop_assert!(record.get("error_message").is_none(), "the message is in the group only");
            let of = |key: &str| record[key].as_str().unwrap_or("-").to_owned();
            prop_assert_eq!(of("failure_id"), format!("{}/{}/{}/{}", of("caller"), of("region"), of("pack"), of("account_id")));
        }
        for group in json["groups"].as_array().expect("a list") {
            let length = |list: &str| group[list].as_array().map(Vec::len).unwrap_or_default() as u64;
            prop_assert!(length("accounts") <= group["account_count"].as_u64().expect("a number"));
            prop_assert!(length("packs") <= group["pack_count"].as_u64().expect("a number"));
            prop_assert_eq!(group["event"] == "cleared", !group["resolution"].is_null());
        }
        for list in ["packs", "regions"] {
            let attribute = message.attributes.get(list).map_or_else(|| "[]".to_owned(), Attribute::value);
            prop_assert_eq!(json[list].to_string(), attribute, "an empty list is left out of the attributes");
        }
    }

    #[test]
    fn messages_keep_their_limits_and_forms(world in world()) {
        let made = Made::new(world);
        let digest = &made.digest;
        let (message, text) = (digest.message(), digest.text());
        for message in [&message, &digest.chat_message(), &digest.last_form(), &digest.chat_last_form()] {
            prop_assert!(size(message) < SIZE_LIMIT);
            prop_assert_eq!(&message.subject, &message_subject(digest));
        }
        prop_assert!(text.len() <= 30_000);
        let mut last = "";
        for line in text.lines() {
            let is_exempt = line.contains("https://") || line.contains("aws configservice ");
            prop_assert!(line.chars().count() <= 60 || is_exempt, "{} columns: {}", line.chars().count(), line);
            prop_assert!(line.is_empty() || line.starts_with("  ") && !line.trim().is_empty(), "{:?}", line);
            prop_assert!(!(line.is_empty() && last.is_empty()), "two blank lines");
            last = line;
        }
        let chat = description(digest);
        prop_assert!(chat.len() <= 6_000, "{}", chat.len());
        for line in chat.lines() {
            let is_address = line.starts_with("https://") && !line.contains(' ');
            prop_assert!(is_address || !line.contains(['*', '_', '~', '`', '<', '>', '|', '\\', '&']), "{}", line);
            prop_assert!(!line.starts_with(['-', '+', '*', '#', '>', ' ', '\u{2022}']), "{}", line);
            let number = line.split_once(['.', ')']).map(|(number, _)| number).unwrap_or_default();
            prop_assert!(number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()), "{}", line);
            prop_assert!(is_address || !line.contains("://"), "an address inside a line: {}", line);
        }
    }

    #[test]
    fn subject_leads_with_the_weightiest_state(world in world()) {
        let made = Made::new(world);
        let subject = made.digest.subject();
        prop_assert!(subject.len() <= 99 && subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", subject);
        let label = made.world.label.as_deref().unwrap_or("packwatch");
        let rest = subject.strip_prefix(&format!("[{label}] "));
        let word = subject_rules::leading_word(&made);
        prop_assert!(rest.is_some_and(|rest| rest.starts_with(word)), "{} does not lead {}", word, subject);
        for wrong in [" 0 ", ": 0 ", "; 0 "] {
            prop_assert!(!subject.contains(wrong), "a zero in {}", subject);
        }
    }

    #[test]
    fn incomplete_run_claims_nothing_about_everything(world in world()) {
        let made = Made::new(world);
        let digest = &made.digest;
        let texts = [digest.subject(), digest.text(), description(digest)];
        let lasting: Vec<_> = made.ledger.gaps.iter().filter(|(key, gap)| gap.ended.is_none() && made.scope.shows_gap(key)).collect();
        // The words of AWS are not packwatch's.
        let hostile = made.world.failures.iter().any(|failure| failure.cause.error_message.as_ref().is_some_and(|text| text.as_str().contains("thing")));
        for text in &texts {
            let says_nothing = text.to_lowercase().contains("nothing");
            prop_assert!(lasting.is_empty() || hostile || !says_nothing, "{}", text);
        }
        for (key, _) in lasting {
            for text in &texts[1..] {
                prop_assert!(text.contains("NO DATA"), "{}", text);
                let many = made.ledger.gaps.len() > 5;
                let place = key.pack.as_ref().map_or(key.source.region.as_str(), packwatch::model::PackName::as_str);
                let joined: String = text.split_whitespace().collect();
                prop_assert!(many || joined.contains(place) || key.pack.is_some() && joined.contains("packsin"), "{} is not in {}", place, text);
            }
        }
        let can_say = texts[0].contains("nothing fails");
        prop_assert!(!can_say || made.ledger.open.keys().all(|key| made.scope.narrowed && !made.scope.covers(key)), "{}", texts[0]);
    }

    #[test]
    fn texts_from_aws_are_inert_in_every_form(world in world(), text in hostile_text()) {
        let sanitized = sanitize(&text);
        prop_assert_eq!(sanitize(&sanitized), sanitized.clone());
        // A label is not from AWS, and may be a host name.
        let label = world.label.as_ref().map(|label| label.replace('.', "-"));
        let made = Made::new(World { label, ..world });
        let digest = &made.digest;
        for text in [digest.subject(), digest.text(), description(digest)] {
            prop_assert_eq!(active_parts(&text), Vec::<String>::new());
        }
        let json = chat(digest);
        for step in json["content"]["nextSteps"].as_array().into_iter().flatten() {
            prop_assert_eq!(active_parts(step.as_str().expect("a string")), Vec::<String>::new());
        }
        for line in digest.text().lines() {
            // Entries begin after four spaces. A heading goes on to the left of them, and a message
            // below a label to the right.
            let entry = line.strip_prefix("    ").unwrap_or_default();
            prop_assert!(!entry.starts_with("99998888"), "a part of a name begins a line: {}", line);
        }
    }

    #[test]
    fn equal_causes_have_equal_ids_in_every_world(one in world(), other in world()) {
        let ids = |world: World| -> BTreeMap<(String, String), GroupId> {
            let failures = world.failures.iter().filter(|failure| !failure.cause_changed);
            failures.map(|failure| {
                let cause = &failure.cause;
                let message = cause.error_message.as_ref().map(ToString::to_string).unwrap_or_default();
                ((cause.code_or_status().to_owned(), message), GroupId::of(cause))
            }).collect()
        };
        let (one, other) = (ids(one), ids(other));
        for (cause, id) in &one {
            prop_assert!(other.get(cause).is_none_or(|of_other| of_other == id));
        }
    }
}

fn message_subject(digest: &Digest) -> String {
    digest.subject()
}

/// Returns what could be a link, a mention or markup in a text that people see. The addresses that
/// packwatch builds are whole lines.
fn active_parts(text: &str) -> Vec<String> {
    let own = [
        "https://console.",
        "https://example.awsapps.com/start/#/console?",
    ];
    let is_own = |line: &str| {
        let labels = ["Snapshot ", "Report ", "Open  "];
        let line = line.trim_start();
        let address = labels
            .iter()
            .find_map(|label| line.strip_prefix(label))
            .unwrap_or(line);
        own.iter().any(|start| address.starts_with(start)) && !address.contains(' ')
    };
    let lines = text.lines().filter(|line| !is_own(line));
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

/// Returns a world with this many failures, each in an account of its own.
fn large_world(failures: usize, message: impl Fn(usize) -> String) -> World {
    let failures = (0..failures).map(|number| world::Failure {
        place: world::Place {
            caller: 0,
            region: number % 3,
            pack: number % 50,
            account: Some(1 + number),
        },
        state: world::State::Due,
        cause: StatusRecord {
            error_code: Some("NoAvailableConfigurationRecorderException".into()),
            error_message: Some(message(number).as_str().into()),
            ..StatusRecord::new("CREATE_FAILED")
        },
        hours: 5,
        stuck: false,
        cause_changed: false,
    });
    World {
        failures: failures.collect(),
        ended: Vec::new(),
        gaps: Vec::new(),
        empty: Vec::new(),
        packs: (0..50).map(|number| format!("pack-{number:02}")).collect(),
        names: Vec::new(),
        first_look: false,
        event: "{}",
        label: None,
        portal: false,
        warning: None,
        prefix: String::new(),
    }
}

#[test]
fn fifty_thousand_failures_fit_with_true_numbers() {
    type Message = fn(usize) -> String;
    // Letters only, so that each message is a cause of its own.
    let word = |number: usize| -> String {
        let digits = number.to_string();
        digits
            .bytes()
            .map(|digit| char::from(digit - b'0' + b'a'))
            .collect()
    };
    let messages: [(Message, usize); 2] = [
        (|number| format!("no recorder in account {number:012}"), 1),
        (
            |number| {
                format!(
                    "no recorder for {}",
                    "abcdefghij".chars().nth(number % 10).unwrap_or('x')
                )
            },
            10,
        ),
    ];
    for (message, causes) in messages {
        let made = Made::new(large_world(50_000, message));
        let message = made.digest.message();
        assert!(size(&message) < SIZE_LIMIT, "{}", size(&message));
        assert!(
            size(&message) > SIZE_LIMIT - 2_000,
            "the room is used: {}",
            size(&message)
        );
        let json = program(&message);
        assert_eq!(
            (
                json["truncated"].as_bool(),
                json["totals"]["appeared"].as_u64()
            ),
            (Some(true), Some(50_000))
        );
        assert_eq!(json["groups"].as_array().map(Vec::len), Some(causes));
        let accounts: u64 = json["groups"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|group| group["account_count"].as_u64())
            .sum();
        assert_eq!(accounts, 50_000);
        assert!(size(&made.digest.chat_message()) < 20_000);
    }
    let made = Made::new(large_world(5_000, move |number| {
        format!("the reason is {}", word(number))
    }));
    let (digest, message) = (&made.digest, made.digest.message());
    assert!(size(&message) < SIZE_LIMIT && digest.text().len() <= 30_000);
    assert_eq!((digest.groups.len(), digest.omitted.groups), (1_000, 4_000));
    assert_eq!(
        (digest.omitted.accounts, digest.omitted.failures),
        (4_000, 4_000)
    );
    assert!(
        digest.subject().contains("FAILING 5000 accounts"),
        "{}",
        digest.subject()
    );
}

#[test]
fn reason_at_end_of_long_message_is_shown() {
    let message = format!(
        "{}reason: no recorder",
        "a role of this name was not found ".repeat(30)
    );
    let text = Made::new(large_world(1, move |_| message.clone()))
        .digest
        .text();
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        joined.contains(" ... ") && joined.contains("reason: no recorder"),
        "{joined}"
    );
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
    let made = Made::new(large_world(3, |n| {
        format!(
            "role arn:aws-us-gov:iam::{n:012}:role/x in {n:012} or x_{n:012}_y ({n:08x}-0000-4000-8000-{n:012x}), Request ID: ABC{n:09} é"
        )
    }));
    let [group] = made.digest.groups.as_slice() else {
        panic!("{:?}", made.digest.groups);
    };
    assert_eq!(group.accounts.len(), 3);
    assert_eq!(
        group.error_message.as_deref(),
        Some(
            "role arn:aws-us-gov:iam::ACCOUNT:role/x in ACCOUNT or x_ACCOUNT_y (...), Request ID: ... é"
        )
    );
}

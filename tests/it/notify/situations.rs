//! Digests of typical situations, as their reader sees them: `examples/gallery` prints them, golden
//! files hold them, and the important ones have a length and the first words of a subject to keep.

#[path = "../../../examples/gallery/situations/mod.rs"]
mod gallery;
#[allow(dead_code, reason = "the program itself is not run")]
#[path = "../../../examples/gallery/organization.rs"]
mod organization;
#[allow(dead_code, reason = "the program uses more of it")]
#[path = "../../../examples/gallery/stage.rs"]
mod stage;

use gallery::SITUATIONS;
use stage::{Sent, Stage};

/// What must hold of the digest of a run: the maximum number of lines of its email, and the first
/// 40 characters of its subject.
struct Expected {
    situation: &'static str,
    run: usize,
    max_lines: usize,
    start: &'static str,
}

const fn expect(
    situation: &'static str,
    run: usize,
    max_lines: usize,
    start: &'static str,
) -> Expected {
    Expected {
        situation,
        run,
        max_lines,
        start,
    }
}

const EXPECTED: &[Expected] = &[
    expect(
        "01-six-causes",
        0,
        70,
        "[prod] FIRST LOOK 38 accounts fail, 6 cau",
    ),
    expect(
        "01-six-causes",
        2,
        55,
        "[prod] CLEARED 37 accounts; 1 still fail",
    ),
    expect(
        "01-six-causes",
        3,
        25,
        "[prod] STILL FAILING 8 days: web-test, 20",
    ),
    expect(
        "02-region-lost",
        2,
        45,
        "[prod] NO DATA us-east-1: AccessDenied",
    ),
    expect(
        "03-role-lost",
        2,
        45,
        "[prod] NO DATA account 444455556666 in 3",
    ),
    expect(
        "04-one-account",
        0,
        30,
        "[prod] WATCHING 6 packs in 3 regions: not",
    ),
    expect(
        "04-one-account",
        2,
        40,
        "[prod] FAILING payments-staging: denied b",
    ),
    expect(
        "04-one-account",
        3,
        40,
        "[prod] CLEARED payments-staging in part; ",
    ),
    expect(
        "05-fifty-packs",
        2,
        45,
        "[prod] FAILING 8 accounts: no Config reco",
    ),
    expect(
        "14-ten-accounts-in-all-packs",
        1,
        45,
        "[prod] FAILING 11 accounts: denied by SCP",
    ),
    expect("18-test", 0, 40, "[prod] TEST of packwatch"),
];

/// Asserts what holds of every digest.
fn assert_well_formed(sent: &Sent) {
    for line in sent.email.lines().filter(|line| !line.is_empty()) {
        let is_exempt = line.contains("https://") || line.contains("aws ");
        assert!(line.starts_with("  "), "{line}");
        assert!(line.chars().count() <= 60 || is_exempt, "{line}");
    }
    assert!(sent.subject.len() < 100 && sent.subject.is_ascii());
    assert!(
        sent.chat
            .lines()
            .all(|line| !line.starts_with(['-', '+', '*']))
    );
    assert!(sent.email.len() <= 30_000);
}

#[tokio::test]
async fn every_situation_reads_as_in_its_golden_file() {
    let mut checked = 0;
    for situation in SITUATIONS {
        let mut stage = Stage::new().await;
        (situation.play)(&mut stage).await;
        stage.sent.iter().flatten().for_each(assert_well_formed);
        for expected in EXPECTED
            .iter()
            .filter(|expected| expected.situation == situation.name)
        {
            let sent = stage.sent[expected.run].as_ref().expect("a digest");
            let lines = sent.email.lines().count();
            assert!(
                lines <= expected.max_lines,
                "{lines} lines:\n{}",
                sent.email
            );
            assert!(sent.subject.starts_with(expected.start), "{}", sent.subject);
            checked += 1;
        }
        insta::assert_snapshot!(situation.name, stage.story());
    }
    assert_eq!(checked, EXPECTED.len(), "a situation is missing");
}

async fn played(name: &str) -> Stage {
    let situation = SITUATIONS.iter().find(|situation| situation.name == name);
    let mut stage = Stage::new().await;
    (situation.expect("a situation").play)(&mut stage).await;
    stage
}

#[tokio::test]
async fn one_cause_in_50_packs_is_one_group() {
    let stage = played("05-fifty-packs").await;
    let sent = stage.sent[2].as_ref().expect("a digest");
    assert_eq!(sent.json["groups"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn lost_region_stands_in_every_digest() {
    let stage = played("02-region-lost").await;
    assert!(stage.sent[1].is_none(), "one run alone has met it");
    assert!(stage.sent[3].is_none(), "it is told once");
    for run in [4, 5] {
        let sent = stage.sent[run].as_ref().expect("a digest");
        assert!(
            sent.subject.contains("no data us-east-1"),
            "{}",
            sent.subject
        );
        for text in [&sent.email, &sent.chat] {
            assert!(
                text.contains("NO DATA") && text.contains("us-east-1"),
                "{text}"
            );
        }
    }
}

#[tokio::test]
async fn lost_role_is_one_block_for_all_regions() {
    let stage = played("03-role-lost").await;
    let lost = &stage.last().email;
    assert_eq!(lost.matches("NO DATA").count(), 1, "{lost}");
    assert!(lost.contains("audit"), "{lost}");
}

#[tokio::test]
async fn policy_over_ten_accounts_does_not_hide_another_failure() {
    let stage = played("14-ten-accounts-in-all-packs").await;
    assert!(
        stage.last().email.contains("quota"),
        "{}",
        stage.last().email
    );
}

#[tokio::test]
async fn failure_after_mute_is_worded_no_longer_muted() {
    let stage = played("15-mutes").await;
    let subject = &stage.last().subject;
    assert!(subject.contains("no longer muted"), "{subject}");
}

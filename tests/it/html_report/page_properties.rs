//! Properties of the page over random ledgers with hostile texts: these stay text, and the rows and
//! numbers are those of the ledger.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use packwatch::html_report::{ReportPage, ReportRequest, RunFacts};
use packwatch::ledger::{Ledger, RecentRun};
use packwatch::model::{Mute, MuteEnd, MuteMatcher, RunTotals};
use packwatch::report::{LinkTarget, ObjectAddress};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use super::markup::{Tag, start_tags};
use crate::notify::digest_properties::world::{World, hostile_text, now, world};

/// Texts that are markup, or end the place in which a text stands.
const MARKUP: [&str; 8] = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "\"><b onmouseover=alert(1)>",
    "' onclick='alert(1)",
    "&lt;i&gt;<i>",
    "]]><!--",
    "\u{202e}gpj.exe\u{2066}\u{2069}",
    "a\u{0}\u{1b}[31m\u{7f}\u{2028}b",
];

fn markup_or_hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(&MARKUP[..]).prop_map(str::to_owned),
        hostile_text()
    ]
}

/// Returns the page about a full run over this ledger.
fn page(world: &World, ledger: &Ledger, warning: &str) -> String {
    let run = RecentRun {
        run_id: "run-7".to_owned(),
        execution: "run-7".to_owned(),
        sequence: 7,
        snapshot: "snapshots/7.json".to_owned(),
        at: now(),
        totals: RunTotals::default(),
        complete: true,
        narrowed: false,
    };
    let facts = RunFacts {
        warnings: vec![warning.to_owned()],
        ..RunFacts::default()
    };
    let request = ReportRequest {
        ledger,
        run: &run,
        facts: &facts,
        plan: &world.plan(),
        snapshot: &ObjectAddress {
            bucket: "bucket".to_owned(),
            key: "snapshots/7.json".to_owned(),
            region: "eu-west-1".into(),
        },
        link_target: &LinkTarget::default(),
    };
    let page = ReportPage::new(request).render();
    assert_eq!(page, ReportPage::new(request).render(), "equal bytes");
    page
}

/// Returns a ledger with hostile texts in every place that others than the operator can write to.
fn hostile_ledger(world: &World, texts: &[String]) -> Ledger {
    let mut ledger = world.ledger();
    for (number, gap) in ledger.gaps.values_mut().enumerate() {
        gap.cause.message.clone_from(&texts[number % texts.len()]);
        gap.cause
            .code
            .clone_from(&texts[(number + 1) % texts.len()]);
    }
    ledger.mutes = vec![Mute {
        id: "0123456789ab".to_owned(),
        matcher: MuteMatcher::default(),
        until: MuteEnd::Time(now() + SignedDuration::from_hours(5)),
        reason: texts[0].clone(),
        by: Some(texts[1].clone()),
        created_at: now(),
    }];
    ledger
}

/// Returns the data of the page for its script.
fn data(page: &str) -> Value {
    const START: &str = "<script type=\"application/json\" id=\"report-data\">";
    let (_, data) = page.split_once(START).expect("the page has data");
    let (data, _) = data.split_once("</script>").expect("the data ends");
    serde_json::from_str(data).expect("the data is JSON")
}

/// Returns the tags of pages with plain texts, each with all attributes that it has anywhere.
fn known_tags() -> BTreeMap<String, BTreeSet<String>> {
    let mut runner = TestRunner::deterministic();
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for _ in 0..200 {
        let mut plain = world().new_tree(&mut runner).expect("a world").current();
        let causes = plain.failures.iter_mut().map(|failure| &mut failure.cause);
        let causes = causes.chain(plain.ended.iter_mut().map(|(.., cause)| cause));
        for cause in causes.filter(|cause| cause.error_code.is_some()) {
            cause.error_code = Some("Code".into());
            cause.error_message = Some("a message".into());
        }
        plain.names = vec![Some(("name".to_owned(), Some("SUSPENDED".to_owned()))); 12];
        let ledger = hostile_ledger(&plain, &["reason".to_owned(), "name".to_owned()]);
        for Tag { name, attributes } in start_tags(&page(&plain, &ledger, "warning")) {
            known.entry(name).or_default().extend(attributes);
        }
    }
    known
}

#[test]
fn hostile_texts_stay_text() {
    let known = known_tags();
    assert!(known.len() > 20, "{known:?}");
    proptest!(|(world in world(), texts in prop::collection::vec(markup_or_hostile(), 4))| {
        let mut world = world;
        for (number, (name, state)) in world.names.iter_mut().flatten().enumerate() {
            name.push_str(&texts[number % texts.len()]);
            if let Some(state) = state {
                state.push_str(&texts[(number + 1) % texts.len()]);
            }
        }
        let page = page(&world, &hostile_ledger(&world, &texts), &texts[2]);
        let tags = start_tags(&page);
        for tag in &tags {
            let attributes = known.get(&tag.name);
            let is_known = attributes.is_some_and(|known| tag.attributes.is_subset(known));
            prop_assert!(is_known, "{tag:?} is not of the templates");
        }
        let scripts = tags.iter().filter(|tag| tag.name == "script").count();
        prop_assert_eq!(scripts, 2, "the data and the script");
        let invisible = |c: &char| {
            c.is_control() && *c != '\n' || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        };
        prop_assert_eq!(page.chars().find(invisible), None);
        data(&page);
    });
}

#[test]
fn rows_are_the_open_failures() {
    proptest!(|(world in world())| {
        let ledger = world.ledger();
        let data = data(&page(&world, &ledger, "warning"));
        let texts = data["texts"].as_array().expect("a list");
        let text = |number: &Value| {
            let index = usize::try_from(number.as_i64().expect("a number")).ok();
            index.map(|index| texts[index].as_str().expect("a text").to_owned())
        };
        let rows: BTreeSet<_> = data["rows"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|row| [0, 3, 4, 5].map(|column| text(&row[column])))
            .collect();
        let open: BTreeSet<_> = ledger
            .open
            .keys()
            .map(|key| {
                let source = &key.pack.source;
                [
                    key.account_id.as_ref().map(ToString::to_string),
                    Some(source.caller.to_string()),
                    Some(source.region.to_string()),
                    Some(key.pack.pack.to_string()),
                ]
            })
            .collect();
        prop_assert_eq!(rows, open);
    });
}

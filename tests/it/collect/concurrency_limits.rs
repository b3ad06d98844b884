//! Calls in flight, on a paused clock: as many as may be, no more, and nobody waits for somebody
//! else.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use packwatch::collect::Collector;
use packwatch::collect::Observation;
use packwatch::input::event::{ManualRequest, Trigger};
use packwatch::input::plan::{Invocation, RunPlan};
use packwatch::input::settings::Settings;
use packwatch::ledger::{LargePack, Ledger, PackHint};
use packwatch::model::SourceTarget;
use packwatch::model::{Account, AccountId, ApiError, PackKey, PackName, Region, StatusRecord};
use packwatch::ports::{BoxError, ConfigApi, Filter, MembersError, Page};
use tokio::time::{Instant, sleep};

use crate::support::harness::{OWN, TOPIC, time};

const LATENCY: Duration = Duration::from_millis(40);
const PACKS: usize = 50;

/// Sources of fifty packs. Every call takes its time, in some regions more of it.
#[derive(Default)]
struct Sources {
    slow: Option<(&'static str, Duration)>,
    flying: RefCell<BTreeMap<Region, usize>>,
    most: Cell<usize>,
    most_in_one: Cell<usize>,
    ended: RefCell<BTreeMap<Region, Instant>>,
}

impl Sources {
    async fn call(&self, source: &SourceTarget) {
        let region = &source.source.region;
        *self.flying.borrow_mut().entry(region.clone()).or_default() += 1;
        let (in_one, all) = {
            let flying = self.flying.borrow();
            (flying[region], flying.values().sum())
        };
        self.most.set(self.most.get().max(all));
        self.most_in_one.set(self.most_in_one.get().max(in_one));
        let slow = self.slow.filter(|(slow, _)| *slow == region.as_str());
        sleep(slow.map_or(LATENCY, |(_, latency)| latency)).await;
        *self.flying.borrow_mut().get_mut(region).expect("it flies") -= 1;
        self.ended
            .borrow_mut()
            .insert(region.clone(), Instant::now());
    }
}

impl ConfigApi for Sources {
    async fn identify(&self) -> Result<AccountId, ApiError> {
        Ok(OWN.into())
    }

    async fn account(&self, _: &AccountId) -> Result<Option<Account>, BoxError> {
        Ok(None)
    }

    fn throttles(&self) -> u64 {
        0
    }

    async fn packs(
        &self,
        source: &SourceTarget,
        _: Option<&str>,
    ) -> Result<Page<(PackName, StatusRecord)>, ApiError> {
        self.call(source).await;
        Ok(Page {
            rows: names()
                .map(|name| (name, StatusRecord::new("CREATE_SUCCESSFUL")))
                .collect(),
            next: None,
        })
    }

    async fn pack(
        &self,
        source: &SourceTarget,
        _: &PackName,
    ) -> Result<Option<StatusRecord>, ApiError> {
        self.call(source).await;
        Ok(Some(StatusRecord::new("CREATE_SUCCESSFUL")))
    }

    async fn members(
        &self,
        source: &SourceTarget,
        _: &PackName,
        filter: Option<Filter<'_>>,
        _: Option<&str>,
    ) -> Result<Page<(AccountId, StatusRecord)>, MembersError> {
        self.call(source).await;
        Ok(Page {
            rows: Vec::new(),
            next: filter.is_none().then(|| "more".to_owned()),
        })
    }
}

fn names() -> impl Iterator<Item = PackName> {
    (0..PACKS).map(|number| format!("pack-{number:02}").into())
}

/// Reads so many regions, whose packs are large, which is known of them or not; gives how long that
/// took.
async fn read(
    sources: &Sources,
    regions: usize,
    concurrency: usize,
    known: bool,
) -> (Observation, Duration) {
    let regions: Vec<String> = (0..regions)
        .map(|number| format!("eu-test-{number}"))
        .collect();
    let lookup = |name: &str| match name {
        "AWS_REGION" => Some("eu-test-0".to_owned()),
        "SNAPSHOT_BUCKET" => Some("bucket".to_owned()),
        "TOPIC_ARN" => Some(TOPIC.to_owned()),
        "REGIONS" => Some(regions.join(",")),
        _ => None,
    };
    let now: Timestamp = time("2026-03-01T08:00:00Z");
    let settings = Settings::read(lookup).expect("right settings");
    let invocation = Invocation {
        request_id: "run".into(),
        execution: "execution".into(),
        deadline: now,
        now,
    };
    let plan = RunPlan::new(
        Trigger::Manual(ManualRequest::default()),
        &settings,
        invocation,
    )
    .expect("a plan");
    let watched = plan.targets(&OWN.into()).expect("one caller");
    let scope = plan.scope(&watched, true);
    let mut ledger = Ledger::default();
    for watched in &watched {
        for pack in names() {
            let large = known.then_some(LargePack {
                since: now,
                sparse: false,
                whole: None,
            });
            let hint = PackHint {
                attempted_at: now,
                large,
            };
            ledger.packs.insert(
                PackKey {
                    source: watched.source.clone(),
                    pack,
                },
                hint,
            );
        }
    }
    let started = Instant::now();
    let collector = Collector::new(
        sources,
        &scope,
        &watched,
        concurrency,
        now,
        started + Duration::from_mins(5),
    );
    let ((), listings) = collector.list(&watched, async {}).await;
    let observation = collector.read(listings, &ledger, || now).await;
    (observation, started.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_reading_takes_no_longer_than_its_calls_by_those_in_flight() {
    for (calls_of_a_pack, known) in [(3, true), (4, false)] {
        for concurrency in [1, 4, 8, 16] {
            let sources = Sources::default();
            let (observation, took) = read(&sources, 1, concurrency, known).await;
            let calls = calls_of_a_pack * PACKS;
            assert_eq!(observation.config_calls, 1 + calls as u64);
            let rounds = u32::try_from(1 + calls.div_ceil(concurrency)).expect("few");
            assert!(
                took < LATENCY * rounds + LATENCY / 2,
                "{calls} calls, {concurrency} in flight: {took:?}, and not {rounds} times the latency"
            );
            assert_eq!(sources.most.get(), concurrency);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn at_most_eight_calls_of_each_source_are_in_flight() {
    let sources = Sources::default();
    let (observation, _) = read(&sources, 4, 8, true).await;
    assert_eq!((sources.most.get(), sources.most_in_one.get()), (32, 8));
    assert_eq!(
        observation.gaps.keys().collect::<BTreeSet<_>>(),
        BTreeSet::new()
    );
}

#[tokio::test(start_paused = true)]
async fn a_source_that_answers_slowly_slows_no_other() {
    let alone = Sources::default();
    let (_, took) = read(&alone, 4, 8, true).await;
    let beside = Sources {
        slow: Some(("eu-test-0", 50 * LATENCY)),
        ..Sources::default()
    };
    let started = Instant::now();
    let (observation, _) = read(&beside, 4, 8, true).await;
    assert!(observation.gaps.is_empty());
    let ended = beside.ended.borrow();
    for (region, ended) in ended
        .iter()
        .filter(|(region, _)| region.as_str() != "eu-test-0")
    {
        assert!(
            *ended - started <= took + LATENCY / 2,
            "{region} took {:?}, and alone {took:?}",
            *ended - started
        );
    }
}

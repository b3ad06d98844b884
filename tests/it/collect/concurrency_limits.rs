//! Concurrency of the collector, on a paused clock: the limit per source is used in full and never
//! exceeded, and sources do not wait for each other.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;

use jiff::Timestamp;
use packwatch::collect::{Collector, Observation};
use packwatch::input::event::{ManualRequest, Trigger};
use packwatch::input::plan::{Invocation, RunPlan};
use packwatch::input::settings::Settings;
use packwatch::ledger::{LargePack, Ledger, PackHint};
use packwatch::model::{
    Account, AccountId, ApiError, PackKey, PackName, Region, SourceTarget, StatusRecord,
};
use packwatch::ports::{BoxError, ConfigApi, Filter, MembersError, Page};
use tokio::time::{Instant, sleep};

use crate::support::harness::{OWN, TOPIC, time};

const LATENCY: Duration = Duration::from_millis(40);
const PACKS: usize = 50;

/// AWS Config with [`PACKS`] packs in every region. Every call takes [`LATENCY`], or the latency of
/// the `slow` region.
#[derive(Default)]
struct SlowConfigApi {
    slow: Option<(&'static str, Duration)>,
    in_flight: RefCell<BTreeMap<Region, usize>>,
    max_in_flight: Cell<usize>,
    max_in_flight_per_source: Cell<usize>,
    last_response_at: RefCell<BTreeMap<Region, Instant>>,
}

impl SlowConfigApi {
    async fn call(&self, source: &SourceTarget) {
        let region = &source.source.region;
        *self
            .in_flight
            .borrow_mut()
            .entry(region.clone())
            .or_default() += 1;
        let (in_source, all) = {
            let in_flight = self.in_flight.borrow();
            (in_flight[region], in_flight.values().sum())
        };
        self.max_in_flight.set(self.max_in_flight.get().max(all));
        self.max_in_flight_per_source
            .set(self.max_in_flight_per_source.get().max(in_source));
        let slow = self.slow.filter(|(slow, _)| *slow == region.as_str());
        sleep(slow.map_or(LATENCY, |(_, latency)| latency)).await;
        *self
            .in_flight
            .borrow_mut()
            .get_mut(region)
            .expect("the call is in flight") -= 1;
        self.last_response_at
            .borrow_mut()
            .insert(region.clone(), Instant::now());
    }
}

impl ConfigApi for SlowConfigApi {
    async fn identify(&self) -> Result<AccountId, ApiError> {
        Ok(OWN.into())
    }

    async fn account(&self, _: &AccountId) -> Result<Option<Account>, BoxError> {
        Ok(None)
    }

    fn throttle_count(&self) -> u64 {
        0
    }

    async fn packs(
        &self,
        source: &SourceTarget,
        _: Option<&str>,
    ) -> Result<Page<(PackName, StatusRecord)>, ApiError> {
        self.call(source).await;
        Ok(Page {
            rows: pack_names()
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

fn pack_names() -> impl Iterator<Item = PackName> {
    (0..PACKS).map(|number| format!("pack-{number:02}").into())
}

/// Reads large packs in `regions` regions, and returns the duration of the read. With `hinted`, the
/// ledger already records that the packs are large.
async fn read(
    config: &SlowConfigApi,
    regions: usize,
    concurrency: usize,
    hinted: bool,
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
    let settings = Settings::read(lookup).expect("the settings are valid");
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
    .expect("the request is valid");
    let targets = plan.targets(&OWN.into()).expect("the plan has one caller");
    let scope = plan.scope(&targets, true);
    let mut ledger = Ledger::default();
    for target in &targets {
        for pack in pack_names() {
            let large = hinted.then_some(LargePack {
                since: now,
                filters_ineffective: false,
                last_full_scan: None,
            });
            let hint = PackHint {
                attempted_at: now,
                members: None,
                large,
            };
            ledger.pack_hints.insert(
                PackKey {
                    source: target.source.clone(),
                    pack,
                },
                hint,
            );
        }
    }
    let started = Instant::now();
    let collector = Collector::new(
        config,
        &scope,
        &targets,
        concurrency,
        now,
        started + Duration::from_mins(5),
    );
    let load = async { Ok::<_, Infallible>(Box::new(ledger)) };
    let Ok((_, observation)) = collector.collect(load, || now).await;
    (observation, started.elapsed())
}

#[tokio::test(start_paused = true)]
async fn read_time_is_call_count_divided_by_concurrency() {
    for (calls_per_pack, hinted) in [(3, true), (4, false)] {
        for concurrency in [1, 4, 8, 16] {
            let config = SlowConfigApi::default();
            let (observation, elapsed) = read(&config, 1, concurrency, hinted).await;
            let calls = calls_per_pack * PACKS;
            assert_eq!(observation.config_calls, 1 + calls as u64);
            let rounds = u32::try_from(1 + calls.div_ceil(concurrency))
                .expect("the number of rounds fits u32");
            assert!(
                elapsed < LATENCY * rounds + LATENCY / 2,
                "{calls} calls, {concurrency} in flight, took {elapsed:?}, more than {rounds} times the latency"
            );
            assert_eq!(config.max_in_flight.get(), concurrency);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn concurrency_per_source_is_at_most_eight() {
    let config = SlowConfigApi::default();
    let (observation, _) = read(&config, 4, 8, true).await;
    assert_eq!(
        (
            config.max_in_flight.get(),
            config.max_in_flight_per_source.get()
        ),
        (32, 8)
    );
    assert_eq!(
        observation.gaps.keys().collect::<BTreeSet<_>>(),
        BTreeSet::new()
    );
}

#[tokio::test(start_paused = true)]
async fn slow_source_does_not_delay_other_sources() {
    let without_slow = SlowConfigApi::default();
    let (_, elapsed) = read(&without_slow, 4, 8, true).await;
    let with_slow = SlowConfigApi {
        slow: Some(("eu-test-0", 50 * LATENCY)),
        ..SlowConfigApi::default()
    };
    let started = Instant::now();
    let (observation, _) = read(&with_slow, 4, 8, true).await;
    assert!(observation.gaps.is_empty());
    let last_response_at = with_slow.last_response_at.borrow();
    for (region, last_response_at) in last_response_at
        .iter()
        .filter(|(region, _)| region.as_str() != "eu-test-0")
    {
        assert!(
            *last_response_at - started <= elapsed + LATENCY / 2,
            "{region} took {:?} beside a slow region, and {elapsed:?} without one",
            *last_response_at - started
        );
    }
}

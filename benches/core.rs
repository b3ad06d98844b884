//! The parts of a run that touch nothing outside, with as many failures as an organization can
//! have: `cargo bench --bench pure`.
//!
//! Every message differs, as real ones do: they name their account. Each bench is run with ten
//! times as many failures as the one before, so that what grows faster than they do can be seen.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up says so")]

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use jiff::{SignedDuration, Timestamp};
use packwatch::collect::{Coverage, Listing, Observation, ObservationBuilder};
use packwatch::evaluate::{Evaluation, EvaluationContext, evaluate};
use packwatch::input::event::{ManualRequest, Trigger};
use packwatch::input::plan::{Invocation, RunPlan};
use packwatch::input::settings::Settings;
use packwatch::ledger::Ledger;
use packwatch::ledger::PendingChanges;
use packwatch::model::Scope;
use packwatch::model::{AccountId, PackKey, Source, StatusRecord, TopicArn};
use packwatch::notify::NotificationContext;
use packwatch::report::RunFindings;

const FAILURES: [usize; 4] = [100, 1_000, 10_000, 100_000];
const PACKS: usize = 50;
const OWN: &str = "111122223333";
const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:digest";

fn main() {
    divan::main();
}

/// A run that finds as many failures as it is asked for, from nothing.
struct Run {
    plan: RunPlan,
    scope: Scope,
    observation: Observation,
}

impl Run {
    fn new(failures: usize) -> Self {
        let lookup = |name: &str| {
            let value = match name {
                "AWS_REGION" => "eu-west-1",
                "SNAPSHOT_BUCKET" => "bucket",
                "TOPIC_ARN" => TOPIC,
                _ => return None,
            };
            Some(value.to_owned())
        };
        let settings = Settings::read(lookup).expect("right settings");
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(500_000);
        let invocation = Invocation {
            request_id: "0f8fad5b-d9cb-469f-a165-70867728950e".to_owned(),
            execution: "execution".to_owned(),
            deadline: now + SignedDuration::from_mins(5),
            now,
        };
        let plan = RunPlan::new(
            Trigger::Manual(ManualRequest::default()),
            &settings,
            invocation,
        )
        .expect("a plan");
        let scope = plan.scope(&plan.targets(&OWN.into()).expect("one caller"), true);
        Self {
            plan,
            scope,
            observation: observe(failures, now),
        }
    }

    fn context(&self) -> EvaluationContext<'_> {
        EvaluationContext {
            scope: &self.scope,
            policy: &self.plan.policy,
            run_id: &self.plan.run_id,
        }
    }

    fn evaluate(&self, ledger: &Ledger) -> Evaluation {
        let mut evaluation = evaluate(ledger, &self.observation, self.context());
        evaluation.ledger.register_receivers(self.plan.audiences());
        evaluation
    }

    fn notification_context(&self) -> NotificationContext<'_> {
        let at = self.observation.ended_at;
        NotificationContext {
            plan: &self.plan,
            scope: &self.scope,
            due_at: at,
            now: at,
        }
    }

    fn changes(&self, ledger: &Ledger) -> PendingChanges {
        self.notification_context()
            .changes(ledger, &ledger.audiences[&TopicArn::from(TOPIC)])
    }
}

fn observe(failures: usize, now: Timestamp) -> Observation {
    let source = Source {
        caller: OWN.into(),
        region: "eu-west-1".into(),
    };
    let mut found = ObservationBuilder::new(now);
    found.found_listing(
        &source,
        Listing {
            pages: 1,
            complete: true,
        },
    );
    for number in 0..PACKS {
        let pack = PackKey {
            source: source.clone(),
            pack: format!("security-baseline-{number:03}").into(),
        };
        found.found_pack(&pack, StatusRecord::new("UPDATE_FAILED"));
        for member in 0..failures / PACKS {
            let account = AccountId::from(format!("{}", 200_000_000_001 + 7_919 * member));
            let row = StatusRecord {
                error_code: Some("AccessDeniedException".into()),
                error_message: Some(
                    format!(
                        "User: arn:aws:sts::{account}:assumed-role/AWSServiceRoleForConfigConforms/AwsConfigConforms is not \
                         authorized to perform: config:PutConfigRule with an explicit deny in a service control policy"
                    )
                    .into(),
                ),
                last_update_time: Some(now),
                conformance_pack_name: Some(format!("OrgConformsPack-{}-{member:08}", pack.pack).into()),
                ..StatusRecord::new("UPDATE_FAILED")
            };
            found.found_member(&pack, &account, row);
        }
        found.found_coverage(&pack, Coverage::FailingOnly, |_| true);
    }
    found.build(now)
}

#[divan::bench(args = FAILURES)]
fn compare_when_all_are_new(bencher: Bencher<'_, '_>, failures: usize) {
    let (run, ledger) = (Run::new(failures), Ledger::default());
    bencher
        .counter(ItemsCount::new(failures))
        .bench_local(|| run.evaluate(black_box(&ledger)));
}

#[divan::bench(args = FAILURES)]
fn compare_when_nothing_changed(bencher: Bencher<'_, '_>, failures: usize) {
    let run = Run::new(failures);
    let ledger = run.evaluate(&Ledger::default()).ledger;
    bencher
        .counter(ItemsCount::new(failures))
        .bench_local(|| run.evaluate(black_box(&ledger)));
}

#[divan::bench(args = FAILURES)]
fn ledger_to_bytes(bencher: Bencher<'_, '_>, failures: usize) {
    let ledger = Run::new(failures).evaluate(&Ledger::default()).ledger;
    bencher
        .counter(ItemsCount::new(failures))
        .bench_local(|| black_box(&ledger).to_bytes());
}

#[divan::bench(args = FAILURES)]
fn ledger_from_bytes(bencher: Bencher<'_, '_>, failures: usize) {
    let bytes = Run::new(failures)
        .evaluate(&Ledger::default())
        .ledger
        .to_bytes()
        .expect("bytes");
    bencher
        .counter(ItemsCount::new(failures))
        .bench_local(|| Ledger::from_bytes(black_box(&bytes)));
}

#[divan::bench(args = FAILURES)]
fn snapshot(bencher: Bencher<'_, '_>, failures: usize) {
    let run = Run::new(failures);
    let evaluation = run.evaluate(&Ledger::default());
    let changes = run.changes(&evaluation.ledger);
    let findings = RunFindings {
        plan: &run.plan,
        scope: &run.scope,
        observation: &run.observation,
        evaluation: &evaluation,
        changes: &changes,
    };
    let now = run.observation.ended_at;
    bencher
        .counter(ItemsCount::new(failures))
        .bench_local(|| black_box(&findings).snapshot(1, None, now, None));
}

#[divan::bench(args = FAILURES)]
fn digest(bencher: Bencher<'_, '_>, failures: usize) {
    let run = Run::new(failures);
    let ledger = run.evaluate(&Ledger::default()).ledger;
    let receiver = &ledger.audiences[&TopicArn::from(TOPIC)];
    bencher.counter(ItemsCount::new(failures)).bench_local(|| {
        let changes = run.changes(black_box(&ledger));
        run.notification_context()
            .digest(&ledger, receiver, &changes)
            .message()
    });
}

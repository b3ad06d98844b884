//! Benchmarks of the parts of a run without I/O, up to the number of failures that an organization
//! can have: `cargo bench --bench core`.
//!
//! Every error message differs, as in AWS Config, because it contains the account ID. Each
//! benchmark multiplies the number of failures by ten, which shows superlinear growth.

#![expect(
    clippy::expect_used,
    reason = "a benchmark whose setup fails must panic"
)]

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use jiff::{SignedDuration, Timestamp};
use packwatch::collect::{Coverage, Listing, Observation, ObservationBuilder};
use packwatch::evaluate::{Evaluation, EvaluationContext, evaluate};
use packwatch::input::event::{ManualRequest, Trigger};
use packwatch::input::plan::{Invocation, RunPlan};
use packwatch::input::settings::Settings;
use packwatch::ledger::{Ledger, PendingChanges};
use packwatch::model::{AccountId, PackKey, ReceiverArn, Scope, Source, StatusRecord};
use packwatch::notify::NotificationContext;
use packwatch::notify::digest::Digest;
use packwatch::report::RunFindings;

const FAILURES: [usize; 4] = [100, 1_000, 10_000, 100_000];
const PACKS: usize = 50;
const OWN: &str = "111122223333";
const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:digest";

fn main() {
    divan::main();
}

/// A run that finds a given number of failures.
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
        let settings = Settings::read(lookup).expect("valid settings");
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
            later_reads: &[],
            policy: &self.plan.settings.policy,
            run_id: &self.plan.run.id,
        }
    }

    fn evaluate(&self, ledger: &Ledger) -> Evaluation {
        let mut evaluation = evaluate(ledger, &self.observation, self.context());
        let at = self.observation.ended_at;
        evaluation
            .ledger
            .register_receivers(self.plan.receivers(), at);
        evaluation
    }

    fn notification_context(&self) -> NotificationContext<'_> {
        let at = self.observation.ended_at;
        NotificationContext {
            plan: &self.plan,
            scope: &self.scope,
            due_at: at,
            now: at,
            first_looks: true,
        }
    }

    fn changes(&self, ledger: &Ledger) -> PendingChanges {
        self.notification_context()
            .changes(ledger, &ledger.receivers[&ReceiverArn::from(TOPIC)])
    }
}

fn observe(failures: usize, now: Timestamp) -> Observation {
    let source = Source {
        caller: OWN.into(),
        region: "eu-west-1".into(),
    };
    let mut builder = ObservationBuilder::new(now);
    builder.found_listing(
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
        builder.found_pack(&pack, StatusRecord::new("UPDATE_FAILED"));
        for member in 0..failures / PACKS {
            let account = AccountId::from(format!("{}", 200_000_000_001 + 7_919 * member));
            let record = StatusRecord {
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
            builder.found_member(&pack, &account, record);
        }
        builder.found_coverage(&pack, Coverage::FailingOnly, |_| true);
    }
    builder.build(now)
}

#[divan::bench(args = FAILURES)]
fn evaluate_new_failures(bencher: Bencher<'_, '_>, failures: usize) {
    let (run, ledger) = (Run::new(failures), Ledger::default());
    bencher
        .counter(ItemsCount::new(failures))
        .bench_local(|| run.evaluate(black_box(&ledger)));
}

#[divan::bench(args = FAILURES)]
fn evaluate_unchanged_failures(bencher: Bencher<'_, '_>, failures: usize) {
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
        .expect("the ledger can be written");
    bencher
        .counter(ItemsCount::new(failures))
        .bench_local(|| Ledger::from_bytes(black_box(&bytes)));
}

#[divan::bench(args = FAILURES)]
fn snapshot(bencher: Bencher<'_, '_>, failures: usize) {
    let run = Run::new(failures);
    let evaluation = run.evaluate(&Ledger::default());
    let changes = run.changes(&evaluation.ledger);
    let findings = RunFindings::new(
        &run.plan,
        &run.scope,
        &run.observation,
        &evaluation,
        &changes,
    );
    let now = run.observation.ended_at;
    bencher
        .counter(ItemsCount::new(failures))
        .bench_local(|| black_box(&findings).snapshot(1, None, now, None));
}

#[divan::bench(args = FAILURES)]
fn digest(bencher: Bencher<'_, '_>, failures: usize) {
    let run = Run::new(failures);
    let ledger = run.evaluate(&Ledger::default()).ledger;
    let receiver = &ledger.receivers[&ReceiverArn::from(TOPIC)];
    bencher.counter(ItemsCount::new(failures)).bench_local(|| {
        let changes = run.changes(black_box(&ledger));
        let context = run.notification_context();
        let kind = context.requested_kind();
        Digest::of(&context.request(&ledger, receiver, &changes, kind)).message()
    });
}

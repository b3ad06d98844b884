//! packwatch tells a platform or security team when an AWS Config organization conformance pack
//! starts or stops failing, in which member accounts, and why.
//!
//! # A run in eight steps
//!
//! | step | where |
//! | --- | --- |
//! | 1. Read the event and the settings, and plan the run | [`input`] |
//! | 2. Load the ledger of the last run | [`run`], [`ledger`] |
//! | 3. Read the packs and their members from AWS Config | [`collect`] |
//! | 4. Evaluate the observation against the ledger: what is open now | [`evaluate`] |
//! | 5. Store the snapshot | [`report`], [`run`] |
//! | 6. Put digests of the pending changes into the outbox, and commit the ledger by compare-and-swap | [`notify`], [`run`] |
//! | 7. Deliver the outgoing digests, and settle them in the ledger | [`run`] |
//! | 8. Return the response and emit the metrics | [`lambda`], [`metrics`] |
//!
//! Nothing is sent that is not committed, and nothing is committed over a newer read.
//!
//! # Example
//!
//! All decisions are made by pure functions. Here a run sees a member account failing, and the
//! receiver of the digest is to be notified of it:
//!
//! ```
//! use packwatch::collect::{Coverage, Listing, ObservationBuilder};
//! use packwatch::evaluate::{EvaluationContext, evaluate};
//! use packwatch::input::event::Trigger;
//! use packwatch::input::plan::{Invocation, RunPlan};
//! use packwatch::input::settings::Settings;
//! use packwatch::ledger::{Ledger, PendingChanges};
//! use packwatch::model::{AccountId, PackKey, StatusRecord};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = Settings::read(|name| match name {
//!     "AWS_REGION" => Some("eu-west-1".to_owned()),
//!     "SNAPSHOT_BUCKET" => Some("packwatch-snapshots".to_owned()),
//!     "TOPIC_ARN" => Some("arn:aws:sns:eu-west-1:111122223333:packwatch".to_owned()),
//!     _ => None,
//! })?;
//! let now = "2026-01-31T08:15:00Z".parse()?;
//! let invocation = Invocation {
//!     request_id: "run-1".to_owned(),
//!     execution: "execution-1".to_owned(),
//!     deadline: "2026-01-31T08:20:00Z".parse()?,
//!     now,
//! };
//! let plan = RunPlan::new(Trigger::read("{}")?, &settings, invocation)?;
//! let targets = plan.targets(&AccountId::from("111122223333"))?;
//! let scope = plan.scope(&targets, true);
//!
//! // What the run read: one pack, with one member account that fails.
//! let pack = PackKey {
//!     source: targets[0].source.clone(),
//!     pack: "baseline".into(),
//! };
//! let mut observation = ObservationBuilder::new(now);
//! let listing = Listing { pages: 1, complete: true };
//! observation.found_listing(&pack.source, listing);
//! observation.found_pack(&pack, StatusRecord::new("CREATE_FAILED"));
//! let member = AccountId::from("222233334444");
//! observation.found_member(&pack, &member, StatusRecord::new("CREATE_FAILED"));
//! observation.found_coverage(&pack, Coverage::SinglePage, |_| true);
//!
//! let context = EvaluationContext {
//!     scope: &scope,
//!     later_reads: &[],
//!     policy: &plan.settings.policy,
//!     run_id: &plan.run.id,
//! };
//! let mut ledger = evaluate(&Ledger::default(), &observation.build(now), context).ledger;
//! ledger.register_receivers(plan.receivers(), now);
//! let receiver = ledger.receiver_id(&plan.settings.topic).unwrap_or_default();
//! let changes = PendingChanges::compute(&ledger, receiver, &plan.settings.policy, None, now);
//! assert_eq!(changes.appeared.len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Layers
//!
//! Each module uses only modules of the layers below it, and no two files use each other. A test
//! (`tests/it/repo/architecture.rs`) enforces both rules.
//!
//! | layer | modules |
//! | --- | --- |
//! | entry | the binary, [`lambda`], [`system`] |
//! | application | [`run`] |
//! | output | [`notify`], [`html_report`] and [`preflight`] above [`report`]; [`metrics`] |
//! | domain | [`evaluate`] above [`ledger`] and the observation of [`collect`] |
//! | edges | [`collect`], [`aws`] |
//! | foundation | [`input`], [`ports`], [`model`], [`object_body`] |
//!
//! [`ports`] holds the traits to the outside; [`aws`] implements them with the AWS SDK. Clock,
//! environment and randomness come from [`system`] and are passed in, so equal input gives equal
//! bytes.

pub mod aws;
pub mod collect;
pub mod evaluate;
pub mod html_report;
pub mod input;
pub mod lambda;
pub mod ledger;
pub mod metrics;
pub mod model;
pub mod notify;
pub mod object_body;
pub mod ports;
pub mod preflight;
pub mod report;
pub mod run;
pub mod system;

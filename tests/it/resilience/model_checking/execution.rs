//! Executions of the real run, identified by the responses that they have received.
//!
//! An execution is deterministic: started again with the same responses, it makes the same next
//! call. The model checker can therefore stop it at any call, try every response, and crash it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use jiff::SignedDuration;
use packwatch::input::event::{ManualRequest, Trigger};
use packwatch::input::plan::{Invocation, RunPlan};
use packwatch::input::settings::Settings;
use packwatch::model::{Deployment, FunctionId};
use packwatch::report::{self, Outcome};
use packwatch::run::RunError;
use packwatch::run::{self, Caller, ServiceSet};

use super::digests::MUTED_ACCOUNT;
use super::replay::{Call, Progress, Replay, ReplayedServices, Response, Responses, Time, at};
use crate::support::harness::OWN;
use crate::support::in_memory_preflight::InMemoryPreflight;
use serde_json::json;

/// Function that the executions of the model belong to.
pub const OURS: &str = "packwatch";
/// Another function, which may adopt the ledger.
pub const OTHER: &str = "other";

/// Run ID of the execution that mutes an account instead of reading.
pub const MUTE: &str = "mute";

/// `ExecutionSpec` and limits of one execution.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExecutionSpec {
    pub run_id: String,
    /// Execution ID.
    pub id: String,
    pub started: Time,
    pub deadline: Time,
    /// AWS Config denies all its calls.
    pub config_denied: bool,
    /// Name of the function that it executes.
    pub function: &'static str,
}

/// Result of an execution. A failure carries the error type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    Succeeded(RunOutcome),
    Failed(&'static str),
}

/// Outcome of a successful run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RunOutcome {
    Committed,
    Resumed,
    Superseded,
    /// Of the execution that mutes.
    Muted,
}

/// State of an execution between two responses.
#[derive(Debug)]
pub struct Checkpoint {
    pub spec: ExecutionSpec,
    responses: Responses,
    fingerprint: u64,
    /// The calls that wait for a response, each with its number.
    pub waiting: Vec<(usize, Call)>,
    pub progress: Progress,
    pub end: Option<End>,
}

impl Checkpoint {
    /// Returns whether only the calls that update `latest.json` remain.
    pub fn only_latest_calls_remain(&self) -> bool {
        // Without a ledger, the run reads `latest.json` for the next sequence number.
        self.waiting.iter().all(|(_, call)| call.is_for_latest())
            && !self.progress.last_was_ledger_get
    }
}

impl PartialEq for Checkpoint {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for Checkpoint {}

impl Hash for Checkpoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fingerprint.hash(state);
    }
}

thread_local! {
    /// Has a paused clock, so that no timeout of the run fires.
    static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("the runtime builds");
}

/// Cache of the checkpoints of all executions. Each is computed once, because executions are
/// deterministic.
pub struct Executions {
    settings: Settings,
    checkpoints: Mutex<BTreeMap<u64, Arc<Checkpoint>>>,
}

impl Executions {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            checkpoints: Mutex::default(),
        }
    }

    /// Returns the number of distinct checkpoints.
    pub fn checkpoints(&self) -> usize {
        self.checkpoints.lock().expect("no thread panicked").len()
    }

    /// Returns the state of an execution that has received no response.
    pub fn start(&self, spec: ExecutionSpec) -> Arc<Checkpoint> {
        self.checkpoint(spec, Responses::new())
    }

    /// Returns the state of an execution after call `number` has received its response.
    pub fn advance(
        &self,
        before: &Checkpoint,
        number: usize,
        response: Response,
        at: Time,
    ) -> Arc<Checkpoint> {
        let mut responses = before.responses.clone();
        responses.insert(number, (response, at));
        self.checkpoint(before.spec.clone(), responses)
    }

    fn checkpoint(&self, spec: ExecutionSpec, responses: Responses) -> Arc<Checkpoint> {
        let mut hasher = DefaultHasher::new();
        (&spec, &responses).hash(&mut hasher);
        let fingerprint = hasher.finish();
        if let Some(checkpoint) = self
            .checkpoints
            .lock()
            .expect("no thread panicked")
            .get(&fingerprint)
        {
            return checkpoint.clone();
        }
        let (waiting, progress, end) = self.replay(&spec, &responses, |_, _| None);
        let checkpoint = Arc::new(Checkpoint {
            spec,
            responses,
            fingerprint,
            waiting,
            progress,
            end,
        });
        self.checkpoints
            .lock()
            .expect("no thread panicked")
            .insert(fingerprint, checkpoint.clone());
        checkpoint
    }

    /// Runs an execution to its end. `respond` completes each call at once.
    pub fn run(
        &self,
        spec: &ExecutionSpec,
        respond: impl FnMut(&Call, &Progress) -> Option<(Response, Time)>,
    ) -> End {
        let (_, _, end) = self.replay(spec, &Responses::new(), respond);
        end.expect("every call receives a response")
    }

    /// Runs an execution until all its pending calls lack a response.
    ///
    /// Recorded `responses` take precedence over `respond`.
    fn replay(
        &self,
        spec: &ExecutionSpec,
        responses: &Responses,
        respond: impl FnMut(&Call, &Progress) -> Option<(Response, Time)>,
    ) -> (Vec<(usize, Call)>, Progress, Option<End>) {
        RUNTIME.with(|runtime| {
            let _guard = runtime.enter();
            self.poll_until_blocked(spec, responses, respond)
        })
    }

    fn poll_until_blocked(
        &self,
        spec: &ExecutionSpec,
        responses: &Responses,
        respond: impl FnMut(&Call, &Progress) -> Option<(Response, Time)>,
    ) -> (Vec<(usize, Call)>, Progress, Option<End>) {
        let plan = self.plan(spec);
        let replayed = ReplayedServices {
            config_denied: spec.config_denied,
            progress: RefCell::new(Progress {
                now: spec.started,
                ..Progress::default()
            }),
            calls: Cell::new(0),
            calls_for_latest: Cell::new(0),
            calls_with_last_form: Default::default(),
            resumed_calls: Cell::new(0),
            responses,
            respond: RefCell::new(respond),
            waiting: RefCell::default(),
        };
        let replay = Replay(&replayed);
        let services = ServiceSet {
            config: replay,
            store: replay,
            notifier: replay,
            preflight: InMemoryPreflight::default(),
            clock: replay,
        };
        let caller = Caller {
            own_account: Ok(OWN.into()),
            deployment: Deployment::Function(function_id(spec.function)),
        };
        let end = {
            let mut run = pin!(run::run(&services, &plan, &caller));
            let mut before = None;
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(woken.clone());
            // The execution is blocked when a poll makes no new call, resumes none, and does not
            // ask for another poll.
            loop {
                if let Poll::Ready((result, _)) =
                    run.as_mut().poll(&mut Context::from_waker(&waker))
                {
                    break Some(end(result));
                }
                if woken.0.swap(false, Ordering::Relaxed) {
                    continue;
                }
                let now = Some((
                    replayed.calls.get()
                        + replayed.calls_for_latest.get()
                        + replayed
                            .calls_with_last_form
                            .iter()
                            .map(Cell::get)
                            .sum::<usize>(),
                    replayed.resumed_calls.get(),
                ));
                if std::mem::replace(&mut before, now) == now {
                    break None;
                }
            }
        };
        let waiting = if end.is_some() {
            Vec::new()
        } else {
            replayed.waiting.take()
        };
        (waiting, replayed.progress.take(), end)
    }

    fn plan(&self, spec: &ExecutionSpec) -> RunPlan {
        let invocation = Invocation {
            request_id: spec.run_id.clone(),
            execution: spec.id.clone(),
            deadline: at(spec.deadline),
            now: at(spec.started),
        };
        let trigger = if spec.run_id == MUTE {
            let until = (at(spec.started) + SignedDuration::from_hours(24)).to_string();
            let mute = json!({"accounts": [MUTED_ACCOUNT], "until": until, "reason": "model"});
            Trigger::read(json!({ "mute": mute }).to_string()).expect("a valid event")
        } else {
            Trigger::Manual(ManualRequest::default())
        };
        RunPlan::new(trigger, &self.settings, invocation).expect("a valid request")
    }
}

/// Whether an execution asked for another poll.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn end(result: Result<report::Response, RunError>) -> End {
    match result {
        Ok(report::Response::Run(response)) => End::Succeeded(match response.outcome {
            Outcome::Committed => RunOutcome::Committed,
            Outcome::Resumed => RunOutcome::Resumed,
            Outcome::Superseded => RunOutcome::Superseded,
            Outcome::DryRun => unreachable!("no request is a dry run"),
        }),
        Ok(report::Response::Mutes(_)) => End::Succeeded(RunOutcome::Muted),
        Ok(response) => unreachable!("no request is for {response:?}"),
        Err(error) => End::Failed(error.kind()),
    }
}

/// Returns the deployed function with this name.
pub fn function_id(name: &str) -> FunctionId {
    FunctionId {
        account: OWN.into(),
        region: "eu-west-1".into(),
        name: name.to_owned(),
    }
}

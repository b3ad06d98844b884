//! One execution of the real pipeline, known by the answers that it was given. Begun again and
//! given the same answers it asks the same question next, so a model checker can stop it anywhere,
//! answer it in every way, and let it die.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use packwatch::input::event::{ManualRequest, Trigger};
use packwatch::input::plan::{Invocation, RunPlan};
use packwatch::input::settings::Settings;
use packwatch::model::AccountId;
use packwatch::report::{Outcome, RunResponse};
use packwatch::run::RunError;
use packwatch::run::{self, Services};

use super::replay::{Answer, Answers, Call, Knows, Replay, ReplayedServices, Time, at};
use crate::support::harness::OWN;
use crate::support::scheduler::two_topics;

/// What one execution is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    pub run: String,
    pub token: String,
    pub started: Time,
    pub deadline: Time,
    /// AWS Config does not answer it.
    pub blind: bool,
}

/// How an execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    Answered(Ending),
    Failed(&'static str),
}

/// The outcomes that a run can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ending {
    Committed,
    Resumed,
    Superseded,
}

/// An execution between two answers.
#[derive(Debug)]
pub struct Moment {
    pub identity: Identity,
    answers: Answers,
    print: u64,
    /// The calls that wait for an answer.
    pub waiting: Vec<(usize, Call)>,
    pub knows: Knows,
    pub end: Option<End>,
}

impl Moment {
    /// Whether it has done all but keep `latest.json` at the newest snapshot.
    pub fn only_latest_is_left(&self) -> bool {
        // Where there is no ledger, `latest.json` is looked at for the number to go on from.
        self.waiting.iter().all(|(_, call)| call.is_for_latest()) && !self.knows.just_recalled
    }
}

impl PartialEq for Moment {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print
    }
}

impl Eq for Moment {}

impl Hash for Moment {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.print.hash(state);
    }
}

thread_local! {
    /// Its clock stands still: no time-out of the pipeline's ever comes.
    static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
}

/// Every moment of every execution that was ever asked for: executions are deterministic, so each
/// is made once.
pub struct Executions {
    settings: Settings,
    moments: Mutex<BTreeMap<u64, Arc<Moment>>>,
}

impl Executions {
    pub fn new() -> Self {
        Self {
            settings: two_topics(),
            moments: Mutex::default(),
        }
    }

    /// How many different moments there were.
    pub fn moments(&self) -> usize {
        self.moments.lock().expect("nobody died").len()
    }

    pub fn start(&self, identity: Identity) -> Arc<Moment> {
        self.moment(identity, Answers::new())
    }

    /// Where the execution stands once the call `number` has its answer.
    pub fn answered(
        &self,
        before: &Moment,
        number: usize,
        answer: Answer,
        at: Time,
    ) -> Arc<Moment> {
        let mut answers = before.answers.clone();
        answers.insert(number, (answer, at));
        self.moment(before.identity.clone(), answers)
    }

    fn moment(&self, identity: Identity, answers: Answers) -> Arc<Moment> {
        let mut hasher = DefaultHasher::new();
        (&identity, &answers).hash(&mut hasher);
        let print = hasher.finish();
        if let Some(moment) = self.moments.lock().expect("nobody died").get(&print) {
            return moment.clone();
        }
        let (waiting, knows, end) = self.scenario(&identity, &answers, |_, _| None);
        let moment = Arc::new(Moment {
            identity,
            answers,
            print,
            waiting,
            knows,
            end,
        });
        self.moments
            .lock()
            .expect("nobody died")
            .insert(print, moment.clone());
        moment
    }

    /// Runs an execution to its end, each call answered at once.
    pub fn run(
        &self,
        identity: &Identity,
        answer: impl FnMut(&Call, &Knows) -> Option<(Answer, Time)>,
    ) -> End {
        let (_, _, end) = self.scenario(identity, &Answers::new(), answer);
        end.expect("every call is answered")
    }

    /// Runs the pipeline until it asks for something that has no answer.
    fn scenario(
        &self,
        identity: &Identity,
        answers: &Answers,
        answer: impl FnMut(&Call, &Knows) -> Option<(Answer, Time)>,
    ) -> (Vec<(usize, Call)>, Knows, Option<End>) {
        RUNTIME.with(|runtime| {
            let _inside = runtime.enter();
            self.play_inside(identity, answers, answer)
        })
    }

    fn play_inside(
        &self,
        identity: &Identity,
        answers: &Answers,
        answer: impl FnMut(&Call, &Knows) -> Option<(Answer, Time)>,
    ) -> (Vec<(usize, Call)>, Knows, Option<End>) {
        let plan = self.plan(identity);
        let played = ReplayedServices {
            blind: identity.blind,
            knows: RefCell::new(Knows {
                now: identity.started,
                ..Knows::default()
            }),
            calls: Cell::new(0),
            calls_for_latest: Cell::new(0),
            turns: Cell::new(0),
            answers,
            answer: RefCell::new(answer),
            waiting: RefCell::default(),
        };
        let script = Replay(&played);
        let services = Services {
            config: script,
            store: script,
            notifier: script,
            clock: script,
        };
        let own = Ok(AccountId::from(OWN));
        let measures = RefCell::default();
        let end = {
            let mut run = pin!(run::run(&services, &plan, &own, &measures));
            let mut before = None;
            loop {
                if let Poll::Ready(result) =
                    run.as_mut().poll(&mut Context::from_waker(Waker::noop()))
                {
                    break Some(end(result));
                }
                let now = Some((
                    played.calls.get() + played.calls_for_latest.get(),
                    played.turns.get(),
                ));
                if std::mem::replace(&mut before, now) == now {
                    break None;
                }
            }
        };
        let waiting = if end.is_some() {
            Vec::new()
        } else {
            played.waiting.take()
        };
        (waiting, played.knows.take(), end)
    }

    fn plan(&self, identity: &Identity) -> RunPlan {
        let invocation = Invocation {
            request_id: identity.run.clone(),
            execution: identity.token.clone(),
            deadline: at(identity.deadline),
            now: at(identity.started),
        };
        RunPlan::new(
            Trigger::Manual(ManualRequest::default()),
            &self.settings,
            invocation,
        )
        .expect("a right request")
    }
}

fn end(result: Result<RunResponse, RunError>) -> End {
    match result {
        Ok(report) => End::Answered(match report.outcome {
            Outcome::Committed => Ending::Committed,
            Outcome::Resumed => Ending::Resumed,
            Outcome::Superseded => Ending::Superseded,
            Outcome::DryRun => unreachable!("no request asks for that"),
        }),
        Err(error) => End::Failed(error.kind()),
    }
}

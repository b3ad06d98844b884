//! What a receiver was notified of ends for it exactly once, whatever leaves the settings.

use packwatch_simulation::{Fault, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{CHAT, OWN, REGION, TOPIC, TestEnv};

const ACCOUNT: &str = "222233334444";
const FAR: &str = "us-east-1";
const ROLE_ACCOUNT: &str = "999988887777";
const ROLE: &str = "arn:aws:iam::999988887777:role/reader";
const SELF_AND_ROLE: &str = "self,arn:aws:iam::999988887777:role/reader";
const PACK: &str = "leaving";

/// What a receiver is notified of.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    MemberFailure,
    PackFailure,
    SourceGap,
    PackGap,
    EmptySource,
}

const STATES: [State; 5] = [
    State::MemberFailure,
    State::PackFailure,
    State::SourceGap,
    State::PackGap,
    State::EmptySource,
];

/// What is taken out of the settings.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Removed {
    Region,
    Role,
    Pack,
    Account,
}

impl Removed {
    /// Returns the source in which the state is.
    fn source(self) -> (&'static str, &'static str) {
        match self {
            Self::Region => (OWN, FAR),
            Self::Role => (ROLE_ACCOUNT, REGION),
            Self::Pack | Self::Account => (OWN, REGION),
        }
    }

    /// Returns the setting, its value with the state in the settings, and the one without it.
    fn setting(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Region => ("REGIONS", "eu-west-1,us-east-1", "eu-west-1"),
            Self::Role => ("ROLE_ARNS", SELF_AND_ROLE, "self"),
            Self::Pack => ("EXCLUDE_PACKS", "", PACK),
            Self::Account => ("IGNORE_ACCOUNTS", "", ACCOUNT),
        }
    }
}

/// Returns every state with every way in which it can leave the settings.
fn cases() -> Vec<(State, Removed)> {
    let mut cases: Vec<_> = STATES
        .iter()
        .flat_map(|state| [(*state, Removed::Region), (*state, Removed::Role)])
        .collect();
    let in_pack = [State::MemberFailure, State::PackFailure, State::PackGap];
    cases.extend(in_pack.map(|state| (state, Removed::Pack)));
    cases.push((State::MemberFailure, Removed::Account));
    cases
}

/// Returns an organization without failures and gaps, of whose state both topics were notified.
async fn healthy(removed: Removed) -> TestEnv {
    let mut env = TestEnv::new().await;
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.world.create_topic(CHAT);
    env.world.allow_role(ROLE, None);
    env.world.allow_caller(ROLE_ACCOUNT);
    env.pack("steady", "UPDATE_SUCCESSFUL");
    end(&env, removed);
    let (name, inside, _) = removed.setting();
    env.set(name, inside);
    env.run().await;
    env
}

/// Puts the source of the state in order.
fn end(env: &TestEnv, removed: Removed) {
    let (caller, region) = removed.source();
    let successful = || StatusRecord::new("UPDATE_SUCCESSFUL");
    env.world.put_pack(caller, region, PACK, successful());
    env.world
        .put_member(caller, region, PACK, ACCOUNT, successful());
    env.world.clear_faults();
}

fn begin(env: &TestEnv, state: State, removed: Removed) {
    let (caller, region) = removed.source();
    let failed = StatusRecord::new("UPDATE_FAILED");
    let denied = Fault::error(400, "AccessDeniedException", "no")
        .service(Service::Config)
        .caller(caller)
        .region(region);
    match state {
        State::MemberFailure => env.world.put_member(caller, region, PACK, ACCOUNT, failed),
        State::PackFailure => env.world.put_pack(caller, region, PACK, failed),
        State::SourceGap => env.world.fault(denied),
        State::PackGap => {
            let members = "GetOrganizationConformancePackDetailedStatus";
            env.world.fault(denied.operation(members).target(PACK));
        }
        State::EmptySource => env.world.remove_pack(caller, region, PACK),
    }
}

/// Makes three runs. Returns the number of messages that the two topics got.
async fn messages_of_three_runs(env: &TestEnv) -> [usize; 2] {
    let counts = || [TOPIC, CHAT].map(|topic| env.publishes(topic).len());
    let before = counts();
    for _ in 0..3 {
        // A refused digest fails the first of the runs.
        let _ = env.invoke(json!({})).await;
        env.advance_minutes(15);
    }
    let after = counts();
    [after[0] - before[0], after[1] - before[1]]
}

/// Asserts that the last digest says that the state is no longer watched.
fn assert_unwatched(env: &TestEnv, state: State) {
    let digest = env.digests().pop().expect("a digest");
    let records = match state {
        State::MemberFailure | State::PackFailure => "unwatched",
        State::SourceGap | State::PackGap => "gaps",
        State::EmptySource => "empty_sources",
    };
    let records = digest[records].as_array().expect("a list");
    assert_eq!(records.len(), 1, "{digest}");
    let word = records[0].get("state").unwrap_or(&records[0]["resolution"]);
    assert_eq!(word, "unwatched");
    assert_eq!(digest["totals"]["cleared"], 0);
    let chat = env.publishes(CHAT).pop().expect("a chat message").message;
    assert!(chat.contains("NO LONGER WATCHED"), "{chat}");
}

/// Asserts that the ledger keeps nothing that is still to be notified.
fn assert_nothing_left(env: &TestEnv, case: (State, Removed)) {
    let ledger = env.document("ledger.json");
    let is_empty = |name: &str| {
        let list = ledger.get(name).and_then(Value::as_array);
        list.is_none_or(Vec::is_empty)
    };
    for name in ["resolved", "gaps", "empty_sources"] {
        assert!(is_empty(name), "{case:?}: {}", ledger[name]);
    }
    let (_, removed) = case;
    assert_eq!(is_empty("open"), removed != Removed::Account, "{case:?}");
}

#[tokio::test]
async fn state_that_leaves_settings_ends_once_for_each_topic() {
    for (state, removed) in cases() {
        let mut env = healthy(removed).await;
        begin(&env, state, removed);
        let case = (state, removed);
        assert_eq!(messages_of_three_runs(&env).await, [1, 1], "{case:?}");
        let (name, _, outside) = removed.setting();
        env.set(name, outside);
        assert_eq!(messages_of_three_runs(&env).await, [1, 1], "{case:?}");
        assert_unwatched(&env, state);
        assert_nothing_left(&env, case);
    }
}

#[tokio::test]
async fn refusing_topic_gets_end_of_unwatched_state_once() {
    for (state, removed) in cases() {
        let mut env = healthy(removed).await;
        begin(&env, state, removed);
        let case = (state, removed);
        assert_eq!(messages_of_three_runs(&env).await, [1, 1], "{case:?}");
        let refused = Fault::error(403, "AuthorizationError", "no");
        env.world.fault(refused.service(Service::Sns).target(CHAT));
        let (name, _, outside) = removed.setting();
        env.set(name, outside);
        assert_eq!(messages_of_three_runs(&env).await, [1, 0], "{case:?}");
        env.world.clear_faults();
        assert_eq!(messages_of_three_runs(&env).await, [0, 1], "{case:?}");
        assert_unwatched(&env, state);
        assert_nothing_left(&env, case);
    }
}

#[tokio::test]
async fn state_that_returns_to_settings_is_notified_anew() {
    // A source without packs that are known never had any.
    let cases = cases().into_iter();
    for (state, removed) in cases.filter(|(state, _)| *state != State::EmptySource) {
        let mut env = healthy(removed).await;
        begin(&env, state, removed);
        let case = (state, removed);
        assert_eq!(messages_of_three_runs(&env).await, [1, 1], "{case:?}");
        let (name, inside, outside) = removed.setting();
        env.set(name, outside);
        assert_eq!(messages_of_three_runs(&env).await, [1, 1], "{case:?}");
        env.set(name, inside);
        assert_eq!(messages_of_three_runs(&env).await, [1, 1], "{case:?}");
        end(&env, removed);
        assert_eq!(messages_of_three_runs(&env).await, [1, 1], "{case:?}");
        let digest = env.digests().pop().expect("a digest");
        let ended = match state {
            State::MemberFailure | State::PackFailure => &digest["cleared"][0]["resolution"],
            _ => &digest["gaps"][0]["state"],
        };
        assert!(["recovered", "ended"].contains(&ended.as_str().unwrap_or_default()));
    }
}

/// The settings change back before the topic could be notified: for it the state never ended.
#[tokio::test]
async fn state_back_before_refusing_topic_knows_ends_only_once() {
    for (state, removed) in cases() {
        let mut env = healthy(removed).await;
        begin(&env, state, removed);
        let case = (state, removed);
        assert_eq!(messages_of_three_runs(&env).await, [1, 1], "{case:?}");
        // Another change is in the outbox of the chat topic, so the next ones wait.
        let refused = Fault::error(403, "AuthorizationError", "no");
        env.world.fault(refused.service(Service::Sns).target(CHAT));
        env.member("steady", "444455556666", "UPDATE_FAILED");
        assert_eq!(messages_of_three_runs(&env).await, [1, 0], "{case:?}");
        let (name, inside, outside) = removed.setting();
        env.set(name, outside);
        assert_eq!(messages_of_three_runs(&env).await, [1, 0], "{case:?}");
        env.set(name, inside);
        messages_of_three_runs(&env).await;
        env.world.clear_faults();
        begin(&env, state, removed);
        let chat = messages_of_three_runs(&env).await[1];
        assert_eq!(chat, 1, "{case:?}: the digest that waited");
        end(&env, removed);
        assert_eq!(messages_of_three_runs(&env).await[1], 1, "{case:?}");
        assert_eq!(messages_of_three_runs(&env).await, [0, 0], "{case:?}");
    }
}

/// No topic could be notified that the source was out of the settings meanwhile.
#[tokio::test]
async fn emptied_source_back_in_settings_keeps_its_packs() {
    let mut env = healthy(Removed::Region).await;
    begin(&env, State::EmptySource, Removed::Region);
    messages_of_three_runs(&env).await;
    let refused = Fault::error(403, "AuthorizationError", "no");
    env.world.fault(refused.service(Service::Sns));
    env.member("steady", "444455556666", "UPDATE_FAILED");
    messages_of_three_runs(&env).await;
    let (name, inside, outside) = Removed::Region.setting();
    for value in [outside, inside] {
        env.set(name, value);
        env.run().await;
    }
    let source = &env.latest()["empty_sources"][0];
    assert_eq!(
        (&source["region"], &source["packs_before"]),
        (&json!(FAR), &json!(1))
    );
}

#[tokio::test]
async fn topic_out_of_settings_gets_end_of_state_when_back() {
    for state in STATES {
        let removed = Removed::Region;
        let mut env = healthy(removed).await;
        begin(&env, state, removed);
        assert_eq!(messages_of_three_runs(&env).await, [1, 1], "{state:?}");
        env.set("CHAT_TOPIC_ARN", "");
        end(&env, removed);
        assert_eq!(messages_of_three_runs(&env).await, [1, 0], "{state:?}");
        env.set("CHAT_TOPIC_ARN", CHAT);
        assert_eq!(messages_of_three_runs(&env).await, [0, 1], "{state:?}");
        assert_nothing_left(&env, (state, removed));
    }
}

#[tokio::test]
async fn topic_out_of_settings_for_a_week_leaves_nothing_behind() {
    for state in STATES {
        let removed = Removed::Region;
        let mut env = healthy(removed).await;
        begin(&env, state, removed);
        assert_eq!(messages_of_three_runs(&env).await, [1, 1], "{state:?}");
        env.set("CHAT_TOPIC_ARN", "");
        end(&env, removed);
        assert_eq!(messages_of_three_runs(&env).await, [1, 0], "{state:?}");
        env.advance_minutes(7 * 24 * 60);
        env.run().await;
        assert_nothing_left(&env, (state, removed));
        assert_eq!(env.document("ledger.json")["receivers"][CHAT], Value::Null);
    }
}

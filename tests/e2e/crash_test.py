#!/usr/bin/env python3
"""Kills the release binary at every AWS call and at random times, and checks its digests.

    cargo build --release -p packwatch
    cargo build --example simulated_org
    python tests/e2e/crash_test.py target/release/packwatch-lambda target/debug/examples/simulated_org

The first part repeats one run for each of its AWS calls. It kills the process while the process
waits for the response to that call, before or after the call takes effect. A mute, a summary and a
test notification are killed in the same way. The second part kills processes at random for a
minute: the organization changes all the time, one or two processes run at once, for events of all
kinds, and most of them are killed.

After the kills, runs without kills follow until they publish nothing. Then the digests that each
topic got must add up to the failures that are open: none is missing, none is sent under two ids,
and none is cleared without evidence. The events on the bus must leave an incident open if and only
if something fails.
"""

import argparse
import concurrent.futures
import datetime
import json
import pathlib
import random
import sys
import tempfile
import time
import traceback
from collections import Counter

from harness import BUS, CHAT, FAILED, IN_PROGRESS, SUCCESSFUL, TestEnv
from lambda_rie import TOPIC

# An account that fails all the time, and accounts whose status changes.
STEADY, CHANGING = "222233334444", ["333344445555", "444455556666", "555566667777"]
PACKS = ["baseline", "guardrails", "operations", "retired"]
# The mute matches nothing.
MUTE = {"mute": {"packs": ["no-such-pack"], "until": f"{datetime.date.today() + datetime.timedelta(7)}", "reason": "test"}}
SUMMARY, TEST = {"summary": True}, {"test": True}
# Most of the time passes in waiting for leases to expire, so more workers than processors are of
# use.
WORKERS = 6


def assert_properties(env):
    """Checks the properties that hold once runs publish nothing."""
    ledger = env.ledger()
    outgoing = {topic: receiver.get("outgoing", {}).get("id") for topic, receiver in ledger["receivers"].items()}
    assert outgoing == {TOPIC: None, CHAT: None, BUS: None}, f"outgoing digests are left: {outgoing}"
    assert_digests_match_open_failures(env)
    assert_chat_digests_match_open_failures(env)
    assert_events_match_open_failures(env)
    assert_snapshot_chain(env, ledger)


def assert_digests_match_open_failures(env):
    """Adds up the digests of the digest topic and compares them with the failing members."""
    notified, gaps, appeared, cleared = set(), set(), Counter(), Counter()
    for digest_id, digest in env.digests(TOPIC).items():
        unexpected = digest["truncated"] or digest["reminders"] or digest["unwatched"]
        assert not unexpected, f"{digest_id} has unexpected content: {digest}"
        for key in keys(digest["appeared"]):
            assert key not in notified, f"{digest_id} reports again that {key} appeared"
            notified.add(key)
            appeared[key] += 1
        for key in keys(digest["cleared"]):
            assert key in notified, f"{digest_id} reports that {key} cleared, which was not open"
            notified.remove(key)
            cleared[key] += 1
        for gap in digest["gaps"]:
            key = (gap["caller"], gap["region"], gap.get("pack"))
            # Every digest shows every gap that lasts.
            (gaps.add if gap["state"] in ("began", "lasting") else gaps.remove)(key)
    missing, extra = env.failing - notified, notified - env.failing
    assert notified == env.failing, f"open and not notified: {missing}; notified and not open: {extra}"
    assert not gaps, f"gaps without a digest about their end: {gaps}"
    starts, ends = env.failure_starts, env.failure_ends
    assert appeared <= starts, f"reported as appeared more often than it began to fail: {appeared - starts}"
    assert cleared <= ends, f"cleared without evidence: {cleared - ends}"


def keys(records):
    return [(record["pack"], record["account_id"]) for record in records]


def assert_chat_digests_match_open_failures(env):
    """Adds up the numbers of failures in the chat digests, whose texts group them by cause."""
    notified = 0
    for digest_id, digest in env.digests(CHAT).items():
        context = digest["metadata"]["additionalContext"]
        notified += int(context["appeared"]) - int(context["cleared"])
        assert notified >= 0, f"{digest_id} reports more cleared failures than appeared"
    assert notified == len(env.failing), f"the chat digests add up to {notified}, but {env.failing} are failing"


def assert_events_match_open_failures(env):
    """Replays the events about causes. All failures have the same cause."""
    incidents = set()
    for event in env.organization.events():
        detail = json.loads(event["detail"])
        if event["detail_type"] == "packwatch Cause" and not detail.get("test"):
            change = incidents.add if detail["event_action"] == "trigger" else incidents.discard
            change(detail["dedup_key"])
    assert len(incidents) == bool(env.failing), f"open incidents: {incidents}; failing: {env.failing}"


def assert_snapshot_chain(env, ledger):
    """Checks that each commit has a snapshot, and that each snapshot names the previous one."""
    sequence, key, runs = ledger["sequence"], ledger["snapshot"], set()
    latest = env.organization.document("latest.json")["run"]
    assert latest["sequence"] == sequence, f"latest.json has sequence {latest['sequence']}, expected {sequence}"
    while key:
        run = env.organization.document(key)["run"]
        assert run["sequence"] == sequence, f"{key} has sequence {run['sequence']}, expected {sequence}"
        assert run["id"] not in runs, f"{run['id']} was committed twice"
        runs.add(run["id"])
        sequence, key = sequence - 1, run["previous"]
    assert sequence == 0, f"the chain of snapshots ends at sequence {sequence + 1}"


def prepare_changes(env):
    """Commits a first run with failures, then changes the organization.

    The next run has every kind of change.
    """
    new, recovered, removed = CHANGING
    # With pages of two, a run has page tokens to follow and absences to prove.
    env.organization.change({"page_size": 2})
    for account in (STEADY, recovered, removed):
        env.put_member("baseline", account, FAILED)
    env.put_member("baseline", new, SUCCESSFUL)
    env.put_member("guardrails", removed, FAILED)
    env.put_member("operations", STEADY, SUCCESSFUL)
    env.put_member("retired", STEADY, FAILED)
    env.run(env.request_id())
    env.put_member("baseline", new, FAILED)
    env.put_member("baseline", recovered, SUCCESSFUL)
    env.put_member("baseline", removed, None)
    env.put_member("guardrails", removed, None)
    env.remove_pack("retired")
    env.organization.change("forget_calls")


def stable_target(call):
    """Returns the part of the call's target that is the same in every run.

    The key of a snapshot begins with the time.
    """
    return call["target"].rsplit("_", 1)[-1]


def matching_calls(call, calls):
    return [
        other for other in calls if other["operation"] == call["operation"] and stable_target(call) in other["target"]
    ]


def record_calls(env, event):
    """Returns the calls of an event without kills, each with its number among the matching calls."""
    prepare_changes(env)
    env.run("killed", event)
    calls = env.organization.calls()
    return [(call, len(matching_calls(call, calls[:number]))) for number, call in enumerate(calls, 1)]


def crash_at_call(env, event, call, nth, after, late):
    """Kills an event at a call, then retries it at once or after its lease has expired."""
    prepare_changes(env)
    effect = {"delay": 60_000} if after else "no_response"
    fault = {"effect": effect, "when": {"nth": nth}, "operation": call["operation"], "target": stable_target(call)}
    env.organization.change({"fault": fault})
    function = env.start()
    # Long enough for a slow machine to reach the call, and short enough to wait for the lease.
    function.invoke("killed", 8, event)
    deadline, matching = time.monotonic() + 8, []
    while len(matching) < nth or (matching[nth - 1]["status"] is not None) != after:
        assert time.monotonic() < deadline, f"the run did not make the call: {env.organization.calls()}"
        time.sleep(0.002)
        matching = matching_calls(call, env.organization.calls())
    function.kill()
    env.organization.change("clear_faults")
    if late:
        env.wait_for_leases()
    env.run("killed", event)
    env.run_until_quiescent()
    assert_properties(env)
    mutes = env.ledger().get("mutes", [])
    assert len(mutes) == (event == MUTE), f"the ledger has these mutes: {mutes}"


def random_scenario(env, rng, stats):
    """Alternates between random kills in a changing organization and checks of the properties."""
    env.organization.change({"page_size": rng.choice([1, 2, 3, None])}, {"latency": rng.choice([0, 2, 5])})
    for pack in PACKS:
        env.put_member(pack, STEADY, FAILED)
    started = time.monotonic()
    env.run("measured", {"dry_run": True})
    # The part that a dry run omits takes less than half of the time of a run.
    run_seconds = 1.5 * (time.monotonic() - started)
    for _ in range(5):
        for _ in range(rng.randint(1, 6)):
            run_with_random_kills(env, rng, run_seconds, stats)
        env.finish_updates()
        env.run_until_quiescent()
        assert_properties(env)
    digests = sum(len(env.digests(topic)) for topic in (TOPIC, CHAT))
    stats.update({"digests": digests, "sent again": len(env.organization.publishes()) - digests, "scenarios": 1})


def run_with_random_kills(env, rng, run_seconds, stats):
    """Runs one or two processes at once while the organization changes.

    Kills each process at a random time or not at all.
    """
    actions = [(rng.random(), lambda: random_change(env, rng)) for _ in range(rng.randint(0, 3))]
    functions = []
    for _ in range(rng.choice([1, 1, 2])):
        retry = env.runs and rng.random() < 0.3
        if not retry:
            env.event = rng.choice([{}, {}, {}, {}, SUMMARY, {"announce": "always"}, TEST, MUTE])
        function = env.start()
        function.invoke(f"run-{env.runs}" if retry else env.request_id(), rng.uniform(0.4, 1.2), env.event)
        functions.append(function)
        if rng.random() < 0.75:
            actions.append((rng.random(), function.kill))
    started = time.monotonic()
    for fraction, action in sorted(actions, key=lambda action: action[0]):
        time.sleep(max(0, started + fraction * run_seconds - time.monotonic()))
        action()
    for function in functions:
        # Lambda kills an execution that exceeds its timeout.
        stats.update({"runs": 1, "kills": function.response() is None})
        function.kill()
    env.ledger()


def random_change(env, rng):
    pack = rng.choice(PACKS)
    if pack != "baseline" and rng.random() < 0.1:
        env.remove_pack(pack)
    else:
        status = rng.choice([FAILED, FAILED, SUCCESSFUL, SUCCESSFUL, IN_PROGRESS, None])
        env.put_member(pack, rng.choice(CHANGING), status)


def with_env(tools, function, *arguments):
    """Calls a function with a new test environment.

    An exception gets the output of the Lambda function as a note.
    """
    with tempfile.TemporaryDirectory() as folder:
        env = TestEnv(pathlib.Path(folder), *tools)
        try:
            return function(env, *arguments)
        except Exception as error:
            error.add_note(f"--- output of the function\n{env.output.read_text(errors='replace')}---")
            raise
        finally:
            env.close()


def count_failed(tasks):
    """Waits for the tasks and prints each that failed. Returns their number."""
    failed = 0
    for task in concurrent.futures.as_completed(tasks):
        if error := task.exception():
            failed += 1
            print(f"FAILED {tasks[task]}")
            traceback.print_exception(error, file=sys.stdout)
    return failed


def check_crash_points(tools, workers):
    """Kills a run before and after each of its calls. Returns the number of violations.

    Other events are killed only at calls that a run does not make, or makes with other contents, and
    are retried at once.
    """
    tasks, services = {}, Counter()
    for event, retries in (({}, (False, True)), (MUTE, (False,)), (SUMMARY, (False,)), (TEST, (False,))):
        calls = with_env(tools, record_calls, event)
        if event == SUMMARY:
            calls = [(call, nth) for call, nth in calls if call["service"] in ("sns", "events")]
        services.update(call["service"] for call, _ in calls)
        for call, nth in calls:
            for after in (False, True):
                for late in retries:
                    task = workers.submit(with_env, tools, crash_at_call, event, call, nth, after, late)
                    when, retry = "after" if after else "before", "after its lease expired" if late else "at once"
                    at = f"{call['operation']} {stable_target(call)} #{nth}"
                    tasks[task] = f"{json.dumps(event)} killed {when} {at}, retried {retry}"
    failed = count_failed(tasks)
    print(f"{len(tasks)} kills before and after {services.total()} calls {dict(services)}: {failed} violations", flush=True)
    return failed


def run_scenarios(tools, seed, deadline, stats):
    rng = random.Random(seed)
    while time.monotonic() < deadline:
        with_env(tools, random_scenario, rng, stats)


def check_random_kills(tools, workers, seed, seconds):
    """Kills processes at random for so many seconds.

    Returns the number of workers that found a violation.
    """
    print(f"random kills with --seed {seed}", flush=True)
    deadline, stats = time.monotonic() + seconds, [Counter() for _ in range(WORKERS)]
    tasks = {
        workers.submit(run_scenarios, tools, f"{seed}-{number}", deadline, counts): f"worker {number} of --seed {seed}"
        for number, counts in enumerate(stats)
    }
    failed = count_failed(tasks)
    total = sum(stats, Counter())
    print(f"{dict(total)}: {failed} of {len(tasks)} workers found a violation")
    assert failed or total["kills"], "no process was killed"
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("simulation", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=60, help="duration of the random kills")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="seed of the random kills")
    args = parser.parse_args()
    tools = args.binary.resolve(), args.simulation.resolve()
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
        failed = check_crash_points(tools, workers) + check_random_kills(tools, workers, args.seed, args.seconds)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

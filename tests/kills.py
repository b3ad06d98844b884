#!/usr/bin/env python3
"""Kills the release binary, at every AWS call and at random: nothing is lost, told twice or cleared without proof.

    cargo build --release --bin packwatch
    cargo build --example organization
    python tests/kills.py target/release/packwatch target/debug/examples/organization

First at every call of a run: the run is made again, and its process killed while it waits for the answer of that call,
before or after the call's effect. Then a minute of random kills: worlds that change all the time, one or two processes at
once, each killed at any moment or not at all. Runs without kills follow, until they fall silent. Then what each topic was
told, replayed, is what is open.
"""

import argparse
import concurrent.futures
import pathlib
import random
import re
import sys
import tempfile
import time
import traceback
from collections import Counter

from emulator import TOPIC
from stage import CHAT, FAILED, MOVING, SUCCESSFUL, Stage

LASTING, WAVERING = "222233334444", ["333344445555", "444455556666", "555566667777"]
PACKS = ["baseline", "guardrails", "operations", "retired"]
# Most of the time passes in waiting until the time of the dead is over.
AT_ONCE = 6


def holds(stage):
    """The properties, once all is quiet."""
    ledger = stage.ledger()
    heads = {topic: audience.get("head", {}).get("id") for topic, audience in ledger["audiences"].items()}
    assert heads == {TOPIC: None, CHAT: None}, f"heads are left: {heads}"
    programs_know_what_is_open(stage)
    chat_knows_how_much_is_open(stage)
    the_chain_is_whole(stage, ledger)


def programs_know_what_is_open(stage):
    believed, unread, appeared, cleared = set(), set(), Counter(), Counter()
    for name, digest in stage.digests(TOPIC).items():
        odd = digest["truncated"] or digest["reminded"] or digest["unwatched"]
        assert not odd, f"{name} tells what never happened: {digest}"
        for key in keys(digest["appeared"]):
            assert key not in believed, f"{name} tells again that {key} appeared"
            believed.add(key)
            appeared[key] += 1
        for key in keys(digest["cleared"]):
            assert key in believed, f"{name} tells that {key} cleared, which was not open"
            believed.remove(key)
            cleared[key] += 1
        for gap in digest["gaps"]:
            key = (gap["caller"], gap["region"], gap.get("pack"))
            (unread.add if gap["state"] == "lasting" else unread.remove)(key)
    lost = stage.failing - believed
    assert believed == stage.failing, f"open and not told: {lost}; told and not open: {believed - stage.failing}"
    assert not unread, f"told as not read, and not as read again: {unread}"
    assert appeared <= stage.began, f"told more often than it began: {appeared - stage.began}"
    assert cleared <= stage.ended, f"cleared without proof: {cleared - stage.ended}"


def keys(records):
    return [(record["pack"], record["account_id"]) for record in records]


def chat_knows_how_much_is_open(stage):
    """Chat is told how many accounts of which pack."""
    believed = Counter()
    for name, digest in stage.digests(CHAT).items():
        text = digest["content"]["description"]
        for mark, pack, count in re.findall(r"^([+-]) (\S+): (\d+) accounts?\b", text, re.MULTILINE):
            believed[pack] += int(mark + count)
            assert believed[pack] >= 0, f"{name} tells that more cleared in {pack} than had appeared"
    failing = Counter(pack for pack, _ in stage.failing)
    assert believed == failing, f"chat believes {dict(believed)}, and failing are {dict(failing)}"


def the_chain_is_whole(stage, ledger):
    """Each commit has its snapshot, and each snapshot names the one before it."""
    number, key, runs = ledger["sequence"], ledger["snapshot"], set()
    latest = stage.organization.document("latest.json")["run"]
    assert latest["sequence"] == number, f"latest.json is of commit {latest['sequence']}, not {number}"
    while key:
        run = stage.organization.document(key)["run"]
        assert run["sequence"] == number, f"{key} is of commit {run['sequence']}, not {number}"
        assert run["id"] not in runs, f"{run['id']} was committed twice"
        runs.add(run["id"])
        number, key = number - 1, run["previous"]
    assert number == 0, f"the chain of snapshots lacks its first {number}"


def changed(stage):
    """Something was told, and something has changed since."""
    new, recovered, gone = WAVERING
    # Pages of two, so that there are tokens to follow and absences to prove.
    stage.organization.change({"page_size": 2})
    for account in (LASTING, recovered, gone):
        stage.member("baseline", account, FAILED)
    stage.member("baseline", new, SUCCESSFUL)
    stage.member("guardrails", gone, FAILED)
    stage.member("operations", LASTING, SUCCESSFUL)
    stage.member("retired", LASTING, FAILED)
    stage.run(stage.request_id())
    stage.member("baseline", new, FAILED)
    stage.member("baseline", recovered, SUCCESSFUL)
    stage.member("baseline", gone, None)
    stage.member("guardrails", gone, None)
    stage.remove_pack("retired")
    stage.organization.change("forget_calls")


def part(call):
    """What the call's target has in every such run: the key of a snapshot begins with the time."""
    return call["target"].rsplit("_", 1)[-1]


def like(call, calls):
    return [other for other in calls if other["operation"] == call["operation"] and part(call) in other["target"]]


def recorded(stage):
    """The calls of a run that lives, each with which one of its kind it is."""
    changed(stage)
    stage.run("killed")
    calls = stage.organization.calls()
    return [(call, len(like(call, calls[:number]))) for number, call in enumerate(calls, 1)]


def dies(stage, call, nth, after, late):
    """A run that is killed at a call; Lambda tries it again, at once or when its time is over."""
    changed(stage)
    effect = {"delay": 60_000} if after else "silence"
    fault = {"effect": effect, "when": {"nth": nth}, "operation": call["operation"], "target": part(call)}
    stage.organization.change({"fault": fault})
    function = stage.start()
    # Enough for a slow machine to get there, and not too long to be outlasted.
    function.invoke("killed", 8)
    until, came = time.monotonic() + 8, []
    while len(came) < nth or (came[nth - 1]["status"] is not None) != after:
        assert time.monotonic() < until, f"the call does not come: {stage.organization.calls()}"
        time.sleep(0.002)
        came = like(call, stage.organization.calls())
    function.kill()
    stage.organization.change("clear_faults")
    if late:
        stage.outlast_owners()
    stage.run("killed")
    stage.until_quiet()
    holds(stage)


def live(stage, chance, tally):
    """A world that changes all the time, and comes to rest now and then."""
    stage.organization.change({"page_size": chance.choice([1, 2, 3, None])}, {"latency": chance.choice([0, 2, 5])})
    for pack in PACKS:
        stage.member(pack, LASTING, FAILED)
    started = time.monotonic()
    stage.run("measured", {"dry_run": True})
    # What a dry run leaves out is less than half of a run.
    length = 1.5 * (time.monotonic() - started)
    for _ in range(5):
        for _ in range(chance.randint(1, 6)):
            strike(stage, chance, length, tally)
        stage.settle()
        stage.until_quiet()
        holds(stage)
    digests = sum(len(stage.digests(topic)) for topic in (TOPIC, CHAT))
    tally.update({"digests": digests, "sent again": len(stage.organization.publishes()) - digests, "worlds": 1})


def strike(stage, chance, length, tally):
    """One or two processes at once, each killed at some moment or not at all, while the world changes."""
    moments = [(chance.random(), lambda: change_something(stage, chance)) for _ in range(chance.randint(0, 3))]
    functions = []
    for _ in range(chance.choice([1, 1, 2])):
        again = stage.runs and chance.random() < 0.3
        function = stage.start()
        function.invoke(f"run-{stage.runs}" if again else stage.request_id(), chance.uniform(0.4, 1.2))
        functions.append(function)
        if chance.random() < 0.75:
            moments.append((chance.random(), function.kill))
    started = time.monotonic()
    for moment, act in sorted(moments, key=lambda moment: moment[0]):
        time.sleep(max(0, started + moment * length - time.monotonic()))
        act()
    for function in functions:
        # Lambda itself kills those whose time is over.
        tally.update({"runs": 1, "kills": function.answer() is None})
        function.kill()
    stage.ledger()


def change_something(stage, chance):
    pack = chance.choice(PACKS)
    if pack != "baseline" and chance.random() < 0.1:
        stage.remove_pack(pack)
    else:
        status = chance.choice([FAILED, FAILED, SUCCESSFUL, SUCCESSFUL, MOVING, None])
        stage.member(pack, chance.choice(WAVERING), status)


def staged(tools, act, *arguments):
    """Acts on a stage of its own; what the function wrote goes with a failure."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(pathlib.Path(folder), *tools)
        try:
            return act(stage, *arguments)
        except Exception as error:
            error.add_note(f"--- what the function wrote\n{stage.output.read_text(errors='replace')}---")
            raise
        finally:
            stage.close()


def failures(tasks):
    """How many of the tasks failed. Each is named, as it ends."""
    failed = 0
    for task in concurrent.futures.as_completed(tasks):
        if error := task.exception():
            failed += 1
            print(f"FAILED {tasks[task]}")
            traceback.print_exception(error, file=sys.stdout)
    return failed


def sweep(tools, workers):
    """Deaths at every call; gives how many did harm."""
    calls, deaths = staged(tools, recorded), {}
    for call, nth in calls:
        for after in (False, True):
            for late in (False, True):
                death = workers.submit(staged, tools, dies, call, nth, after, late)
                when, again = "after" if after else "before", "late" if late else "at once"
                deaths[death] = f"killed {when} {call['operation']} {part(call)} #{nth}, tried again {again}"
    failed = failures(deaths)
    services = Counter(call["service"] for call, _ in calls)
    print(f"{len(deaths)} deaths before and after {len(calls)} calls {dict(services)}: {failed} did harm", flush=True)
    return failed


def storm(tools, seed, until, tally):
    chance = random.Random(seed)
    while time.monotonic() < until:
        staged(tools, live, chance, tally)


def storms(tools, workers, seed, seconds):
    """Random kills in so many seconds; gives how many storms ended in harm."""
    print(f"random kills with --seed {seed}", flush=True)
    until, tallies = time.monotonic() + seconds, [Counter() for _ in range(AT_ONCE)]
    tasks = {
        workers.submit(storm, tools, f"{seed}-{number}", until, tally): f"in storm {number} of --seed {seed}"
        for number, tally in enumerate(tallies)
    }
    failed = failures(tasks)
    tally = sum(tallies, Counter())
    print(f"{dict(tally)}: {failed} of {len(tasks)} storms did harm")
    assert failed or tally["kills"], "the storms have killed nothing"
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("simulation", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=60, help="of random kills")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="of random kills")
    given = parser.parse_args()
    tools = given.binary.resolve(), given.simulation.resolve()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as workers:
        failed = sweep(tools, workers) + storms(tools, workers, given.seed, given.seconds)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

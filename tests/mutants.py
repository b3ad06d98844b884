#!/usr/bin/env python3
"""Breaks each rule that matters on purpose, and holds that the test named beside it fails.

    python3 tests/mutants.py                # all of them
    python3 tests/mutants.py --sample 5     # five, always the same
    python3 tests/mutants.py --only NAME    # one

The working tree is copied below the target directory, so that nothing here is touched; what is already built of the
dependencies is linked there, so build the tests once before. Exits with 1 when a mutant survives.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
TREE, BUILT = TARGET / "mutants" / "tree", TARGET / "mutants" / "target"
# A mutant that makes the program go round for ever is ended after so many seconds, and has not been killed by its test.
PATIENCE = 400

OVERLAPS = "overlaps::executions_that_overlap_die_and_are_lied_to_lose_nothing_and_tell_nothing_twice"

# A name, the test that must fail, and then a file, its text and the text that takes its place, once or more.
MUTANTS = [
    (
        "a gap closes",
        "sources::a_region_that_is_denied_closes_nothing_and_is_told_once_and_when_it_ends",
        "src/compare/packs.rs",
        "            None => Verdict::Unread,\n        };\n",
        "            None => Verdict::Closes(How::PackRemoved),\n        };\n",
    ),
    (
        "moving closes",
        "story::a_failure_that_appears_goes_on_moves_and_is_closed_gives_two_digests",
        "src/compare/packs.rs",
        "        Some(row) => {\n            open.follow(row, now);\n",
        "        Some(row) if row.standing() == Standing::Moving => Verdict::Closes(How::Recovered),\n"
        "        Some(row) => {\n            open.follow(row, now);\n",
    ),
    (
        "absence from shifted pages closes, as the reader has it",
        "scale::an_account_missing_from_shifted_pages_is_asked_for_by_name",
        "src/reader/calls.rs",
        "(true, _) => Coverage::Pages,",
        "(true, _) => Coverage::OnePage,",
    ),
    (
        "absence from shifted pages closes, as the comparison has it",
        "laws::nothing_closes_without_a_proof",
        "src/observation.rs",
        "(self.coverage == Coverage::OnePage || self.absent.contains(account))",
        "(self.is_whole() || self.absent.contains(account))",
    ),
    (
        "absence from a pack on the move closes",
        "clearing::rows_that_are_missing_while_a_pack_is_rewritten_close_nothing_for_an_hour",
        "src/compare/packs.rs",
        "if pack_stands_still || now",
        "if pack_stands_still || now >= absent_since || now",
    ),
    (
        "an untold failure is cleared",
        "story::a_failure_that_is_gone_before_it_is_due_gives_no_digest",
        "src/compare/mod.rs",
        "    if let Some(open) = next.open.remove(key)\n        && !open.told.is_empty()\n    {\n",
        "    if let Some(mut open) = next.open.remove(key) {\n        std::sync::Arc::make_mut(&mut open).told.entry(0).or_insert(now);\n",
    ),
    (
        "a narrowed run closes outside its scope",
        "narrowed::a_run_of_one_pack_tells_of_that_pack_and_counts_its_scope",
        "src/compare/packs.rs",
        "next.open.keys().filter(|key| scope.covers(key)).cloned().collect();\n    let mut unconfirmed",
        "next.open.keys().cloned().collect();\n    let mut unconfirmed",
    ),
    (
        "ignored is told",
        "narrowed::an_ignored_account_is_recorded_and_told_when_it_is_no_longer_ignored",
        "src/ledger/mod.rs",
        "        !policy.ignores(key)\n            && at",
        "        !key.pack.pack.as_str().is_empty()\n            && at",
    ),
    (
        "a pack itself is told at first sight",
        "scale::a_pack_that_fails_without_a_failing_member_is_told_from_its_second_run",
        "src/ledger/mod.rs",
        "(!key.is_pack() || self.seen_again)",
        "(!key.is_pack() || self.seen_again || self.failed.is_none())",
    ),
    (
        "the SDK's paginator instead of our loop",
        "scale::a_repeated_page_token_is_a_gap_and_closes_nothing",
        "src/reader/calls.rs",
        "        if !self.seen.insert(token.clone()) {\n            return Err(GapCause {\n",
        "        if self.seen.contains(&token) {\n            return Ok(false);\n        }\n"
        "        if !self.seen.insert(token.clone()) {\n            return Err(GapCause {\n",
    ),
    (
        "whoever is not among the failing is taken for absent",
        "calls::proofs_cost_a_call_each_or_the_pages_of_the_whole_pack",
        "src/reader/pack.rs",
        "if coverage != Coverage::OnePage {",
        "if coverage == Coverage::Pages {",
    ),
    (
        "every large pack is counted at once",
        "calls::whole_readings_are_spread_over_the_day_and_each_pack_has_one",
        "src/reader/choice.rs",
        "scatter(pack) % DAY_SECONDS);",
        "scatter(pack) % 1);",
    ),
    (
        "sparse pages are followed",
        "calls::filters_that_save_nothing_waste_three_calls_once",
        "src/reader/pack.rs",
        "!chain.ended && rows < PAGE.into()",
        "!chain.ended && rows > PAGE.into()",
    ),
    (
        "a pack that moves recovers by readings of the failing alone",
        "calls::a_large_pack_that_fails_by_itself_is_told_and_when_it_moves_read_whole_once_an_hour",
        "src/compare/packs.rs",
        "Standing::Moving if reading.is_whole()",
        "Standing::Moving if reading.is_answered()",
    ),
    (
        "a retry quota shared with the last invocation",
        "throttle::a_run_that_spent_its_retries_leaves_the_next_one_in_its_process_its_own",
        "src/aws/clients.rs",
        "RetryPartition::custom(name).token_bucket(TokenBucket::unlimited()).build()",
        "RetryPartition::custom(name).token_bucket(TokenBucket::default()).build()",
    ),
    (
        "every throttled call of those in flight together slows down",
        "pace::a_limit_that_nobody_knows_costs_hardly_more_than_a_known_one",
        "src/aws/pace.rs",
        "self.limit.is_some_and(|limit| sent < limit.throttled_at)",
        "self.limit.is_some_and(|limit| sent > limit.throttled_at + SAVED_UP)",
    ),
    (
        "too few calls are believed to be the limit",
        "pace::a_limit_that_changes_is_found_again",
        "src/aws/pace.rs",
        "last.is_some_and(|last| rate >= last / 2.0)",
        "measured || last.is_some()",
    ),
    (
        "late answers of a first salvo are not counted",
        "pace::a_limit_that_nobody_knows_costs_hardly_more_than_a_known_one",
        "src/aws/pace.rs",
        "                limit.rate += limit.late;\n",
        "",
    ),
    (
        "who waits for a turn takes room",
        "pace::a_source_that_is_throttled_slows_no_other",
        "src/aws/line.rs",
        "            let (room, sent) = pace.turn(self.room.0.acquire()).await;\n",
        "            let room = self.room.0.acquire().await;\n"
        "            let ((), sent) = pace.turn(std::future::ready(())).await;\n",
    ),
    (
        "a call that is throttled again and again does not wait",
        "pace::a_call_that_is_alone_outlasts_a_stop",
        "src/aws/line.rs",
        "if attempt >= SURELY {",
        "if attempt > 1000 * SURELY {",
    ),
    (
        "the SDK tries again what was throttled",
        "throttle::retries_wait_for_their_turn",
        "src/aws/throttles.rs",
        "            if self.ends {\n",
        "            if false {\n",
    ),
    (
        "an unconditional put",
        "races::two_functions_at_once_give_one_digest_for_one_change",
        "src/aws/s3.rs",
        "Expect::Version(Version(version)) => put.if_match(version),",
        "Expect::Version(_) => put,",
        "src/aws/s3.rs",
        'Expect::Absent => put.if_none_match("*"),',
        "Expect::Absent => put,",
    ),
    (
        "publish before commit",
        "failures::a_refused_snapshot_or_commit_tells_nothing_and_the_next_run_sees_the_same",
        "src/pipeline/commit.rs",
        "        match self.put_ledger(&next, expect).await {\n",
        "        for (topic, head) in next.owned(&self.plan.execution) {\n"
        "            let _ = self.ports.notifier.publish(topic, &head.message).await;\n"
        "        }\n"
        "        match self.put_ledger(&next, expect).await {\n",
    ),
    (
        "a head is taken over without writing so first",
        OVERLAPS,
        "src/pipeline/commit.rs",
        "        next.claim(self.plan.audiences(), &self.plan.execution, self.plan.ends_at, self.now());\n",
        "",
        "src/pipeline/send.rs",
        "        let mut outbox = Outbox::default();\n",
        "        let mut outbox = Outbox::default();\n"
        "        current.ledger.claim(self.plan.audiences(), &self.plan.execution, self.plan.ends_at, self.now());\n",
    ),
    (
        "members of a single page are counted and not remembered",
        "readings::who_was_not_asked_for_when_it_was_read_is_not_absent",
        "src/observation.rs",
        "if coverage == Coverage::Pages {",
        "if coverage >= Coverage::Pages {",
    ),
    (
        "a dry run resumes",
        "races::a_dry_run_under_the_id_of_a_committed_run_sends_nothing_that_is_left_of_it",
        "src/pipeline/mod.rs",
        "                _ if self.plan.dry_run => {}\n",
        "",
    ),
    (
        "heads are owned by a run, not by an execution",
        "races::two_functions_at_once_give_one_digest_for_one_change",
        "src/plan.rs",
        "            run_id: request_id,\n            execution,\n",
        "            run_id: request_id.clone(),\n            execution: request_id,\n",
    ),
    (
        "the other's reading is asked for its start",
        OVERLAPS,
        "src/pipeline/commit.rs",
        "Reading { until: at,",
        "Reading { until: findings.observation.started_at,",
    ),
    (
        "the other's reading is asked for only after a lost write",
        OVERLAPS,
        "src/pipeline/mod.rs",
        "                _ if self.plan.dry_run => {}\n",
        "                _ if self.plan.dry_run => {}\n"
        "                Turn::TooOld { .. } if self.names_taken.get() == 0 => {}\n",
    ),
    (
        "a head that is no longer ours is settled",
        "heads::a_head_is_settled_by_its_owner_alone",
        "src/ledger/protocol.rs",
        "head.id == digest_id && head.is_owned_by(execution)",
        "head.id == digest_id",
    ),
    (
        "another head than the one that was sent is settled",
        "heads::a_head_is_settled_by_its_owner_alone",
        "src/ledger/protocol.rs",
        "head.id == digest_id && head.is_owned_by(execution)",
        "head.is_owned_by(execution)",
    ),
    (
        "a head is taken from an owner whose time is not over",
        "failures::a_head_that_another_execution_may_still_send_is_waited_for",
        "src/ledger/protocol.rs",
        "!honest.contains(&owner.until)",
        "!honest.is_empty()",
    ),
    (
        "settle before publish",
        "digest::a_digest_that_sns_refused_is_sent_by_the_retry_as_it_was",
        "src/pipeline/send.rs",
        "            let answers = future::join_all",
        "            let sent = |topic: &TopicArn, head: &Head| (topic.clone(), head.id.clone(), Sent::Published);\n"
        "            let early: Vec<_> = heads.iter().map(|(topic, head)| sent(topic, head)).collect();\n"
        "            let _ = self.settle(&mut current.clone(), &early, &BTreeSet::new()).await;\n"
        "            let answers = future::join_all",
    ),
    (
        "a refused topic blocks the other audience",
        "digest::a_chat_topic_that_does_not_exist_holds_up_nothing_else",
        "src/pipeline/send.rs",
        "            let answers = future::join_all(heads.iter().map(|(topic, head)| self.publish(topic, head))).await;\n",
        "            let mut answers = Vec::new();\n"
        "            for (topic, head) in &heads {\n"
        "                answers.push(self.publish(topic, head).await);\n"
        "                if answers.last().is_some_and(Result::is_err) {\n"
        "                    break;\n"
        "                }\n"
        "            }\n",
        "src/pipeline/send.rs",
        "                return outbox;\n            }\n        }\n    }\n",
        "                return outbox;\n            }\n            if !outbox.failed.is_empty() {\n"
        "                return outbox;\n            }\n        }\n    }\n",
    ),
    (
        "a resumed run counts its changes again",
        "metrics::a_run_that_is_resumed_counts_its_changes_no_second_time",
        "src/pipeline/mod.rs",
        "self.measure_stored(&current.ledger, run.complete, None);",
        "let found = Changes { appeared: run.totals.appeared, cleared: run.totals.cleared };\n"
        "        self.measure_stored(&current.ledger, run.complete, Some(found));",
    ),
    (
        "a dry run counts as committed",
        "metrics::a_dry_run_measures_its_cost_alone",
        "src/pipeline/mod.rs",
        "                return Ok(self.dry_run(&current, &observation));",
        "                self.measure_stored(&current.ledger, true, None);\n"
        "                return Ok(self.dry_run(&current, &observation));",
    ),
    (
        "Lambda drops the metrics of a quiet log",
        "metrics::what_lambda_lets_through_is_the_level_of_the_line",
        "src/telemetry/mod.rs",
        'set("AWS_LAMBDA_LOG_LEVEL")',
        'set("AWS_LAMBDA_NO_SUCH_LEVEL")',
    ),
    (
        "a name that is refused is kept as one that does not exist",
        "names::whatever_fails_there_gives_no_name_and_changes_nothing_else",
        "src/aws/organizations.rs",
        "        Err(error) => Err(sdk_failure(&error)),",
        "        Err(_) => Ok(None),",
        "src/aws/organizations.rs",
        "use super::sdk_failure;\n",
        "",
    ),
    (
        "NothingRead is recorded as done",
        "sources::a_retry_of_the_same_run_is_no_second_run_for_a_gap",
        "src/pipeline/mod.rs",
        "            ledger.welcome(self.plan.audiences());\n",
        "            ledger.welcome(self.plan.audiences());\n"
        "            ledger.runs.push(RecentRun {\n"
        "                run_id: self.plan.run_id.clone(),\n"
        "                execution: self.plan.execution.clone(),\n"
        "                sequence: ledger.sequence,\n"
        "                snapshot: String::new(),\n"
        "                at: now,\n"
        "                totals: crate::totals::Totals::default(),\n"
        "                complete: false,\n"
        "                narrowed: self.scope.narrowed,\n"
        "            });\n",
    ),
]


def edits(mutant):
    rest = mutant[2:]
    return [rest[at:at + 3] for at in range(0, len(rest), 3)]


def cargo(*arguments):
    """Runs cargo in the copy, and gives its exit code, or None when its time was over, and what it said."""
    environment = {
        **os.environ,
        "CARGO_TARGET_DIR": str(BUILT),
        "CARGO_TERM_COLOR": "never",
        "INSTA_UPDATE": "no",
        # A mutant need not be small.
        "PROPTEST_MAX_SHRINK_ITERS": "0",
    }
    # Built sooner matters more here than running faster.
    quick = "profile.dev.package.packwatch.opt-level=0"
    command = ["cargo", "test", "--config", quick, "--locked", "--all-features", "--test", "it", *arguments]
    try:
        done = subprocess.run(
            command, cwd=TREE, env=environment, text=True, timeout=PATIENCE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stdout


def copy():
    """Copies the working tree. The copies are new, so that nothing built of an earlier mutant is taken for theirs."""
    shutil.rmtree(TREE, ignore_errors=True)
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in subprocess.run(listed, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.split("\0"):
        if name and (ROOT / name).exists():
            (TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, TREE / name)


def seed():
    """Links what is built of the dependencies. What is built of the repository itself is left, because it changes."""
    ours = re.compile(r"(lib)?(packwatch|it)[-_.]")
    for folder in ["deps", "build", ".fingerprint"]:
        for source in sorted((TARGET / "debug" / folder).glob("*")):
            target = BUILT / "debug" / folder / source.name
            if ours.match(source.name) or target.exists():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                os.link(source, target)


def healthy(tests):
    code, said = cargo("--", "--exact", *tests)
    passed = len(re.findall(r"^test .* \.\.\. ok$", said, re.MULTILINE))
    if code != 0 or passed != len(tests):
        print(said[-4000:])
        print(f"without a mutant {passed} of {len(tests)} tests pass")
    return code == 0 and passed == len(tests)


def verdict(mutant):
    """Why the mutant is not killed, or None."""
    _, test, *_ = mutant
    before = {}
    try:
        for name, old, new in edits(mutant):
            path = TREE / name
            text = path.read_text()
            before.setdefault(path, text)
            if text.count(old) != 1:
                return f"its text is {text.count(old)} times in {name}"
            path.write_text(text.replace(old, new))
        code, said = cargo("--no-run")
        if code != 0:
            return "it does not compile:\n" + said[-3000:]
        code, said = cargo("--", "--exact", test)
        if code is None:
            return f"{test} does not end"
        return None if code != 0 and f"test {test} ... FAILED" in said else f"{test} passes"
    finally:
        for path, text in before.items():
            path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME", help="one mutant")
    parser.add_argument("--sample", metavar="N", type=int, help="so many of them, evenly spread")
    chosen = parser.parse_args()
    mutants = [mutant for mutant in MUTANTS if chosen.only in (None, mutant[0])]
    if chosen.sample:
        mutants = mutants[:: max(1, -(-len(mutants) // chosen.sample))]
    if not mutants:
        sys.exit(f"{chosen.only} is none of: " + ", ".join(mutant[0] for mutant in MUTANTS))
    for mutant in MUTANTS:
        for name, old, _ in edits(mutant):
            if (times := (ROOT / name).read_text().count(old)) != 1:
                sys.exit(f"{mutant[0]}: its text is {times} times in {name}")
    copy()
    seed()
    if not healthy(sorted({test for _, test, *_ in mutants})):
        return 1
    survivors = 0
    for mutant in mutants:
        started = time.monotonic()
        why = verdict(mutant)
        survivors += why is not None
        word = "killed  " if why is None else "SURVIVED"
        print(f"{word} {mutant[0]}: {why or mutant[1]} ({time.monotonic() - started:.0f} s)", flush=True)
    print(f"{len(mutants) - survivors} of {len(mutants)} mutants killed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())

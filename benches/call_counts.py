"""Checks the number of calls on small organizations, and that all programs find the same failures."""

from workloads import NAIVE, PACKWATCH, THREADS, expected_failures, found_failures, running, subjects

# Packs, members of each pack, failing members of each pack.
SMALL = (12, 60, 3)
LARGE = (4, 850, 12)
# Calls to AWS Config in the run that finds the failures, in the next run, and in the run after all
# have recovered. Each number includes one call for the listing of packs.
CONFIG_CALLS = {
    # packwatch: one page for each pack. Threads: three filtered reads for each pack. Naive: one
    # page for each pack.
    SMALL: {PACKWATCH: (13, 13, 13), THREADS: (37, 37, 37), NAIVE: (13, 13, 13)},
    # packwatch: three filtered reads for each pack; in the first run also a page that shows that
    # the pack is large, and in the last run also its nine pages, which prove that twelve accounts
    # recovered. Threads: three filtered reads. Naive: nine pages.
    LARGE: {PACKWATCH: (17, 13, 49), THREADS: (13, 13, 13), NAIVE: (37, 37, 37)},
}
# Calls to S3 and SNS in the same runs.
OTHER_CALLS = {PACKWATCH: (10, 7, 9), THREADS: (4, 3, 4), NAIVE: (4, 3, 4)}


def check(commands, simulation):
    """Runs every program on each organization."""
    for size, calls in CONFIG_CALLS.items():
        for name, command in commands.items():
            check_program(name, command, simulation, size, calls[name])


def check_program(name, command, simulation, size, expected_calls):
    packs, members, failing = size
    with running(command, simulation, packs, members, failing, latency=0) as program:
        first, second = program.run(), program.run()
        found, expected = found_failures(program.organization), expected_failures(packs, members, failing)
        assert found == expected, f"{name} is wrong about {sorted(found ^ expected)}"
        program.organization.fill(packs, members, 0)
        last = program.run()
        assert found_failures(program.organization) == set(), f"{name} did not find that all members recovered"
        published = subjects(program.organization)
        assert len(published) == 2, f"{name} published {published}"
        count = packs * failing
        costs = [first, second, last]
        changes = [appeared_and_cleared(cost.response) for cost in costs]
        assert changes == [(count, 0), (0, 0), (0, count)], f"{name} found {changes}"
        assert all(cost.attempts() == cost.calls() for cost in costs), f"a call of {name} failed"
        calls = tuple(cost.calls() for cost in costs)
        assert calls == expected_calls, f"{name} made {calls} calls to AWS Config, expected {expected_calls}"
        others = tuple(cost.other_calls() for cost in costs)
        assert others == OTHER_CALLS[name], f"{name} made {others} calls to S3 and SNS, expected {OTHER_CALLS[name]}"
        print(
            f"{packs} x {members}, {name}: {calls} calls to AWS Config, {others} to S3 and SNS, {count} failures found"
        )


def appeared_and_cleared(response):
    """Returns how many failures appeared and cleared in a run. packwatch has its numbers in `totals`."""
    totals = response.get("totals", response)
    return totals["appeared"], totals["cleared"]

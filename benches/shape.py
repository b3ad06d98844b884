"""The shape of the comparison on small organizations: which calls are made, and that all programs find the same."""

from programs import NAIVE, PACKWATCH, THREADS, failing_in, named_failures, staged, subjects

# Packs, members, failing in each.
SMALL = (12, 60, 3)
LARGE = (4, 850, 12)
# Calls to AWS Config in the run that finds failures, in the next, and in the one that finds them gone; one is the listing.
CALLS = {
    # A page for each pack; three filters for each; a page for each.
    SMALL: {PACKWATCH: (13, 13, 13), THREADS: (37, 37, 37), NAIVE: (13, 13, 13)},
    # Three filters for each pack, before which a page shows that it is large, and after which its nine pages prove for
    # twelve accounts that they recovered; three filters; nine pages.
    LARGE: {PACKWATCH: (17, 13, 49), THREADS: (13, 13, 13), NAIVE: (37, 37, 37)},
}
# To S3 and SNS, in the same runs.
OTHERS = {PACKWATCH: (8, 5, 7), THREADS: (4, 3, 4), NAIVE: (4, 3, 4)}


def check(commands, simulation):
    for size, calls in CALLS.items():
        for name, command in commands.items():
            tried(name, command, simulation, size, calls[name])


def tried(name, command, simulation, size, expected_calls):
    packs, members, failing = size
    with staged(command, simulation, packs, members, failing, latency=0) as program:
        found, after = program.good_run(), program.good_run()
        who, expected = failing_in(program.world), named_failures(packs, members, failing)
        assert who == expected, f"{name} takes {sorted(who ^ expected)} for what they are not"
        program.world.fill(packs, members, 0)
        closed = program.good_run()
        assert failing_in(program.world) == set(), f"{name} has not seen that all recovered"
        told = subjects(program.world)
        count = packs * failing
        assert len(told) == 2 and f"{count} open" in told[0] and f"{count} cleared" in told[1], f"{name} told {told}"
        costs = [found, after, closed]
        assert all(cost.attempts() == cost.calls() for cost in costs), f"{name} was refused"
        calls = tuple(cost.calls() for cost in costs)
        assert calls == expected_calls, f"{name} made {calls} calls, not {expected_calls}"
        others = tuple(cost.others() for cost in costs)
        assert others == OTHERS[name], f"{name} made {others} calls to S3 and SNS"
        print(f"{packs} x {members}, {name}: {calls} calls to AWS Config, {others} to others, {count} failing found")

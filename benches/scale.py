"""What one run can watch before its time is over, by the formula of docs/scale.md, and whether it holds in simulation."""

from measure import machine
from programs import staged, table

PAGE = 100
# Seconds of an invocation here, and what a run keeps of them for storing and telling.
TIME, KEPT = 120, 20
# What a limit costs beside its calls: attempts that are refused, and waiting.
OVERHEAD = 1.15


def calls_within(rate):
    """AWS Config calls that a run can make at so many a second."""
    return rate * (TIME - KEPT) / OVERHEAD


def packs_on_a_quiet_day(calls):
    """Three filters for each pack, and a listing."""
    return int(calls / (3 + 1 / PAGE))


def pages_when_all_recovers(calls, packs):
    """Three filters for each pack, then all its pages, to prove for each account that it recovered."""
    return int((calls - 1) / packs - 3)


def measure(command, simulation):
    rows = []
    # A tenth less than the formula says is read whole; a quarter more is not, whatever the overhead.
    for share in (0.9, 1.25):
        calls = share * calls_within(5)
        packs = packs_on_a_quiet_day(calls)
        rows.append(tried(command, simulation, "a quiet day", 5, packs, 1_000, 10, 3 * packs + -(-packs // PAGE)))
        calls, packs = share * calls_within(10), 10
        pages = pages_when_all_recovers(calls, packs)
        members = PAGE * pages
        rows.append(
            tried(command, simulation, "all recover", 10, packs, members, members // 20, packs * (3 + pages) + 1)
        )
    head = ["what", "calls a second", "packs x members", "calls needed", "calls made", "seconds", "read"]
    print(table(head, sorted(rows)))
    print(f"\nRuns of {TIME} s, of which {KEPT} s are kept for storing and telling. {machine()}.")


def tried(command, simulation, what, rate, packs, members, failing, needed):
    """A run under the limit, after one without that has seen all."""
    with staged(command, simulation, packs, members, failing) as program:
        program.good_run()
        if what == "all recover":
            program.world.fill(packs, members, 0)
        program.world.limit(rate)
        cost = program.good_run(TIME)
    whole = cost.answer["complete"]
    read = "whole" if whole else f"not whole, {cost.answer['totals']['gaps']} gaps"
    row = [what, rate, f"{packs} x {members:,}", needed, cost.calls(), f"{cost.wall:.1f}", read]
    print(*row, sep=", ", flush=True)
    return row

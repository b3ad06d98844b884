"""What one run can watch before its time is over, by the formula of docs/scale.md, and whether it holds in simulation."""

from measure import machine
from programs import staged, table

PAGE = 100
# Seconds of an invocation: those of the template, and those of the trial. A run keeps some for storing and telling.
TIME, TRIAL, KEPT = 300, 120, 20
# What a limit costs beside its calls: attempts that are refused, and waiting.
OVERHEAD = 1.15


def calls_within(rate, time):
    """AWS Config calls that a run can make at so many a second."""
    return rate * (time - KEPT) / OVERHEAD


def packs_on_a_quiet_day(calls):
    """Three filters for each pack, and a listing of all."""
    return int(calls / (3 + 1 / PAGE))


def packs_at_first_sight(calls):
    """A page more for each, which shows that it is large."""
    return int(calls / (4 + 1 / PAGE))


def pages_when_all_recovers(calls, packs):
    """Three filters for each pack, then all its pages, to prove for each account that it recovered."""
    return int((calls - 1) / packs - 3)


def measure(command, simulation):
    rows = []
    for rate in (1, 2, 5, 10, 25):
        calls = calls_within(rate, TIME)
        members = PAGE * pages_when_all_recovers(calls, 50)
        figures = [int(calls), packs_at_first_sight(calls), packs_on_a_quiet_day(calls), members]
        rows.append([rate, *(f"{figure:,}" for figure in figures)])
    head = ["calls a second", "calls in a run", "packs, first run", "packs, quiet day", "members of 50 packs, all recover"]
    print("\n" + table(head, rows))
    print(f"\nBy the formula, for runs of {TIME} s.\n")
    trial(command, simulation)


def trial(command, simulation):
    rows = []
    # A tenth less than the formula says is read whole; a quarter more is not, whatever the overhead.
    for share in (0.9, 1.25):
        calls = share * calls_within(5, TRIAL)
        packs = packs_on_a_quiet_day(calls)
        rows.append(tried(command, simulation, "a quiet day", 5, packs, 1_000, 10, 3 * packs + -(-packs // PAGE)))
        calls, packs = share * calls_within(10, TRIAL), 10
        pages = pages_when_all_recovers(calls, packs)
        members = PAGE * pages
        rows.append(
            tried(command, simulation, "all recover", 10, packs, members, members // 20, packs * (3 + pages) + 1)
        )
    head = ["what", "calls a second", "packs x members", "calls needed", "calls made", "seconds", "read"]
    print("\n" + table(head, sorted(rows)))
    print(f"\nRuns of {TRIAL} s, of which {KEPT} s are kept for storing and telling. {machine()}.")


def tried(command, simulation, what, rate, packs, members, failing, needed):
    """A run under the limit, after one without that has seen all."""
    with staged(command, simulation, packs, members, failing) as program:
        program.good_run()
        if what == "all recover":
            program.world.fill(packs, members, 0)
        program.world.limit(rate)
        cost = program.good_run(TRIAL)
    whole = cost.answer["complete"]
    read = "whole" if whole else f"not whole, {cost.answer['totals']['gaps']} gaps"
    row = [what, rate, f"{packs} x {members:,}", needed, cost.calls(), f"{cost.wall:.1f}", read]
    print(*row, sep=", ", flush=True)
    return row

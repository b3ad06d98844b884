"""Computes how much one run can read before its deadline, and checks that in simulation.

The formula is that of docs/scale.md.
"""

from measure import machine
from workloads import running, table

PAGE_SIZE = 100
# Seconds: the timeout of the template, the timeout in the simulation, and the time that a run
# reserves to store and publish.
TIMEOUT, SIMULATED_TIMEOUT, RESERVED = 300, 120, 20
# A rate limit costs additional time for throttled attempts and backoff.
OVERHEAD = 1.15


def max_calls(rate, timeout):
    """Returns the number of AWS Config calls that a run can make at `rate` calls a second."""
    return rate * (timeout - RESERVED) / OVERHEAD


def max_packs(calls):
    """Returns the number of large packs: three filtered reads for each, and the listing."""
    return int(calls / (3 + 1 / PAGE_SIZE))


def max_packs_first_run(calls):
    """Returns the number of large packs in a first run.

    It also reads a page of each to find that it is large.
    """
    return int(calls / (4 + 1 / PAGE_SIZE))


def max_pages_when_all_recover(calls, packs):
    """Returns the number of pages of each pack.

    A run makes three filtered reads, then reads all pages to prove recoveries.
    """
    return int((calls - 1) / packs - 3)


def measure(command, simulation):
    rows = []
    for rate in (1, 2, 5, 10, 25):
        calls = max_calls(rate, TIMEOUT)
        members = PAGE_SIZE * max_pages_when_all_recover(calls, 50)
        figures = [int(calls), max_packs_first_run(calls), max_packs(calls), members]
        rows.append([rate, *(f"{figure:,}" for figure in figures)])
    header = [
        "calls a second",
        "calls in a run",
        "packs, first run",
        "packs, no changes",
        "members of 50 packs, all recover",
    ]
    print("\n" + table(header, rows))
    print(f"\nBy the formula, for runs of {TIMEOUT} s.\n")
    simulate(command, simulation)


def simulate(command, simulation):
    rows = []
    # 10 % below the formula a run reads everything. 25 % above it a run cannot, even without any
    # overhead.
    for factor in (0.9, 1.25):
        calls = factor * max_calls(5, SIMULATED_TIMEOUT)
        packs = max_packs(calls)
        needed = 3 * packs + -(-packs // PAGE_SIZE)
        rows.append(measure_limited_run(command, simulation, "no changes", 5, packs, 1_000, 10, needed))
        calls, packs = factor * max_calls(10, SIMULATED_TIMEOUT), 10
        pages = max_pages_when_all_recover(calls, packs)
        members, needed = PAGE_SIZE * pages, packs * (3 + pages) + 1
        rows.append(measure_limited_run(command, simulation, "all recover", 10, packs, members, members // 20, needed))
    header = ["run", "calls a second", "packs x members", "calls needed", "calls made", "seconds", "result"]
    print("\n" + table(header, sorted(rows)))
    print(f"\nRuns of {SIMULATED_TIMEOUT} s, of which {RESERVED} s are reserved to store and publish. {machine()}.")


def measure_limited_run(command, simulation, kind, rate, packs, members, failing, needed):
    """Measures a run with a rate limit, after a run without limit that has read everything."""
    with running(command, simulation, packs, members, failing) as program:
        program.run()
        if kind == "all recover":
            program.organization.fill(packs, members, 0)
        program.organization.set_rate_limit(rate)
        cost = program.run(SIMULATED_TIMEOUT)
    result = "complete" if cost.response["complete"] else f"incomplete, {cost.response['totals']['gaps']} gaps"
    row = [kind, rate, f"{packs} x {members:,}", needed, cost.calls(), f"{cost.wall:.1f}", result]
    print(*row, sep=", ", flush=True)
    return row

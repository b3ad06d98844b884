"""Measures the peak memory of packwatch against the number of failing members."""

from measure import machine
from workloads import running, table

# Packs, members of each pack, failing members of each pack.
SIZES = [(50, 1_000, 10), (50, 10_000, 100), (50, 10_000, 1_000), (50, 10_000, 2_000), (50, 10_000, 4_000)]


def measure(command, simulation):
    rows = []
    for packs, members, failing in SIZES:
        with running(command, simulation, packs, members, failing) as program:
            first = program.run()
            sizes = [f"{program.organization.size(key) / 1_000_000:.1f}" for key in ("latest.json", "ledger.json")]
            second = program.run()
            program.organization.fill(packs, members, 0)
            last = program.run()
        count, costs = packs * failing, (first, second, last)
        totals = [cost.response["totals"]["failures"] for cost in costs]
        assert totals == [count, count, 0], f"the runs found {totals} failures, expected {[count, count, 0]}"
        peaks = [f"{cost.peak:.1f}" for cost in costs]
        calls = " / ".join(f"{cost.calls():,}" for cost in costs)
        rows.append([f"{packs} x {members:,}", f"{count:,}", *peaks, *sizes, calls])
        print(*rows[-1], sep=", ", flush=True)
    header = [
        "packs x members",
        "failing",
        "first run",
        "next run",
        "all recovered",
        "snapshot",
        "ledger",
        "Config calls",
    ]
    print("\n" + table(header, rows))
    print(
        "\nPeak memory of three runs in one process, in MB of 1,048,576 bytes. Objects in S3, in MB of 1,000,000 bytes."
    )
    print(f"{machine()}.")

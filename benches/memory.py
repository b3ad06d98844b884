"""How much memory packwatch holds at its peak, by how many members fail."""

from measure import machine
from programs import staged, table

# Packs, members and failing members of each.
WORLDS = [(50, 1_000, 10), (50, 10_000, 100), (50, 10_000, 1_000), (50, 10_000, 2_000), (50, 10_000, 4_000)]


def measure(command, simulation):
    rows = []
    for packs, members, failing in WORLDS:
        with staged(command, simulation, packs, members, failing) as program:
            finds = program.good_run()
            sizes = [f"{program.world.size(key) / 1_000_000:.1f}" for key in ("latest.json", "ledger.json")]
            after = program.good_run()
            program.world.fill(packs, members, 0)
            closes = program.good_run()
        count = packs * failing
        totals = [cost.answer["totals"]["failures"] for cost in (finds, after, closes)]
        assert totals == [count, count, 0], f"{totals} failed, not {count}"
        peaks = [f"{cost.peak:.1f}" for cost in (finds, after, closes)]
        calls = " / ".join(f"{cost.calls():,}" for cost in (finds, after, closes))
        rows.append([f"{packs} x {members:,}", f"{count:,}", *peaks, *sizes, calls])
        print(*rows[-1], sep=", ", flush=True)
    head = ["packs x members", "failing", "finds them", "the next", "closes them", "snapshot", "ledger", "Config calls"]
    print("\n" + table(head, rows))
    print("\nPeak MB (of 1,048,576 bytes) of three runs in one process; MB (of 1,000,000 bytes) of the objects in S3.")
    print(f"{machine()}.")

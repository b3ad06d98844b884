"""How near a run comes to what its calls alone would take, and how soon a process is ready for its first event."""

import http.client
import math
import pathlib
import ssl
import statistics
import tempfile
import time

from measure import machine
from programs import BUCKET, LATENCY, NAIVE, PACKWATCH, SIGNED, Program, World, staged, table

IN_FLIGHT = 8
MEMBERS = "GetOrganizationConformancePackDetailedStatus"
# AWS Config calls a second: what a source may answer is not published, so a slow, a middling and a fast one.
LIMITS = [2, 5, 25]
STARTS = 40


def measure(commands, simulation, empty):
    latency_bound(commands[PACKWATCH], simulation)
    rate_bound({name: command for name, command in commands.items() if name != NAIVE}, simulation)
    if empty:
        starts(commands[PACKWATCH], [empty], simulation)
    print(f"\n{machine()}.")


def least(journal):
    """Seconds that the calls of a run take when none waits for more than it must: what comes before the members side by
    side, then the members by how many may be in flight, then the snapshot and the commit, then the digest beside `latest.json`."""
    members = [number for number, call in enumerate(journal) if call["operation"] == MEMBERS]
    before, after = journal[: members[0]], journal[members[-1] + 1 :]
    listing = sum(call["service"] == "config" for call in before)
    latest = sum(call["target"].endswith("latest.json") for call in after)
    commit = sum(call["target"].startswith(f"{BUCKET}/snapshots/") for call in after) + 1
    told = max(latest, len(after) - latest - commit)
    chain = max(listing, len(before) - listing) + math.ceil(len(members) / IN_FLIGHT) + commit + told
    return chain * LATENCY / 1000


def latency_bound(command, simulation):
    rows = []
    for packs, members in [(10, 100), (50, 1_000), (50, 10_000)]:
        firsts, nexts = [], []
        for _ in range(3):
            with staged(command, simulation, packs, members, members // 100) as program:
                firsts.append(program.good_run())
                nexts.extend(program.good_run() for _ in range(3))
                bare = bare_call(program.world)
        for what, costs in (("first", firsts), ("next", nexts)):
            wall, bound = statistics.median(cost.wall for cost in costs), least(costs[0].journal)
            processor = statistics.median(cost.processor for cost in costs)
            rows.append([f"{packs} x {members:,}", what, len(costs[0].journal), f"{bound:.2f}", f"{wall:.2f}"])
            rows[-1] += [f"{wall / bound:.3f}", f"{wall / bound * LATENCY / 1000 / bare:.3f}", f"{processor:.3f}"]
    head = ["packs x members", "run", "calls", "bound s", "wall s", "ratio", "by bare calls", "processor s"]
    print("\n" + table(head, rows))
    print(f"\n{LATENCY} ms a call, {IN_FLIGHT} AWS Config calls in flight; S3 and SNS included; goal at most 1.10.")
    print(f"By bare calls: a single call on an open connection takes {1000 * bare:.1f} ms here, from Python.\n")


def bare_call(world):
    """Seconds of a call without any program around it: the latency, and what this machine and the simulation add."""
    connection, times = http.client.HTTPConnection(world.url.removeprefix("http://")), []
    for _ in range(20):
        started = time.monotonic()
        connection.request("GET", f"/{BUCKET}/none", headers={"Authorization": SIGNED})
        connection.getresponse().read()
        times.append(time.monotonic() - started)
    connection.close()
    return statistics.median(times)


def rate_bound(commands, simulation):
    rows = []
    for limit in LIMITS:
        for name, command in commands.items():
            with staged(command, simulation, 50, 200, 2) as program:
                program.world.limit(limit)
                rows += [rate_row(limit, name, what, program.run()) for what in ("first", "next")]
    head = ["calls a second", "program", "run", "calls", "attempts", "calls / r", "wall s", "ratio", "wasted", "outcome"]
    print(table(head, rows))
    print("\nGoal: at most 1.15 of calls / r, and 15 % of attempts wasted.\n")


def rate_row(limit, name, what, cost):
    calls, attempts, bound = cost.calls(), cost.attempts(), cost.calls() / limit
    failed = cost.answer.get("errorType") or ("" if cost.answer.get("complete", True) else "incomplete")
    row = [limit, name, what, calls, attempts, f"{bound:.1f}", f"{cost.wall:.1f}", f"{cost.wall / bound:.3f}"]
    return [*row, f"{100 * (attempts / calls - 1):.0f} %", failed or "all succeeded"]


def starts(packwatch, empty, simulation):
    """From exec to the first poll, the programs in turn."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        one = folder / "one.pem"
        certificates = ssl.create_default_context().get_ca_certs(binary_form=True)
        one.write_text("".join(ssl.DER_cert_to_PEM_cert(certificate) for certificate in certificates[:1]))
        bundle = folder / "bundle.pem"
        bundle.write_text("".join(map(ssl.DER_cert_to_PEM_cert, certificates)))
        programs = {
            "packwatch": (packwatch, {}),
            "packwatch, with the certificates in one file": (packwatch, {"SSL_CERT_FILE": str(bundle)}),
            "packwatch, with one certificate": (packwatch, {"SSL_CERT_FILE": str(one)}),
            "empty function": (empty, {}),
        }
        times = {name: [] for name in programs}
        world = World(folder, simulation, 1, 1, 0, latency=0)
        try:
            for _ in range(STARTS):
                for name, (command, settings) in programs.items():
                    program = Program(command, world, folder, **settings)
                    times[name].append(1000 * program.start)
                    program.close()
        finally:
            world.stop()
    rows = [
        [name, f"{statistics.median(each):.1f}", f"{min(each):.1f}", f"{sorted(each)[9 * STARTS // 10]:.1f}"]
        for name, each in times.items()
    ]
    print(table(["exec to first poll, ms", "median", "least", "nine of ten"], rows))
    print(f"\nThe machine has {len(certificates)} certificates, which a TLS client reads at its start: here from one file, and again from")
    print("a folder with a file for each, where the system has one. provided.al2023 has the file alone.")
    print("packwatch asks STS meanwhile who it is, which answers at once here. Goal: 4 ms above the empty function.")

"""Compares the time of runs with lower bounds from concurrency and rate limits.

Also measures the start of the process.
"""

import math
import pathlib
import ssl
import statistics
import tempfile
import time

from measure import machine
from workloads import (
    BUCKET,
    LATENCY,
    NAIVE,
    PACKWATCH,
    GeneratedOrganization,
    Program,
    running,
    table,
)

CONCURRENCY = 8
MEMBERS = "GetOrganizationConformancePackDetailedStatus"
# AWS Config calls a second. AWS does not publish the limit, so these are a low, a medium and a high
# one.
RATE_LIMITS = [2, 5, 25]
STARTS = 40


def measure(commands, simulation, noop):
    latency_bound(commands[PACKWATCH], simulation)
    rate_bound({name: command for name, command in commands.items() if name != NAIVE}, simulation)
    if noop:
        starts(commands[PACKWATCH], [noop], simulation)
    print(f"\n{machine()}.")


def lower_bound(call_log):
    """Returns the seconds that the calls of a run take if each starts as early as possible.

    The listing and the ledger are read side by side. The reads of members follow, up to the
    concurrency limit at once. Then come, one after the other, the snapshot and the commit. The
    digest, `latest.json` and the report follow side by side.
    """
    members = [number for number, call in enumerate(call_log) if call["operation"] == MEMBERS]
    before, after = call_log[: members[0]], call_log[members[-1] + 1 :]
    listing = sum(call["service"] == "config" for call in before)
    latest = sum(call["target"].endswith("latest.json") for call in after)
    report = sum(call["target"].endswith("report.html") for call in after)
    commit = sum(call["target"].startswith(f"{BUCKET}/snapshots/") for call in after) + 1
    delivery = max(latest, report, len(after) - latest - report - commit)
    critical_path = max(listing, len(before) - listing) + math.ceil(len(members) / CONCURRENCY) + commit + delivery
    return critical_path * LATENCY / 1000


def latency_bound(command, simulation):
    rows = []
    for packs, members in [(10, 100), (50, 1_000), (50, 10_000)]:
        first_runs, next_runs = [], []
        for _ in range(3):
            with running(command, simulation, packs, members, members // 100) as program:
                first_runs.append(program.run())
                next_runs.extend(program.run() for _ in range(3))
        for name, costs in (("first", first_runs), ("next", next_runs)):
            wall, bound = statistics.median(cost.wall for cost in costs), lower_bound(costs[0].call_log)
            cpu = statistics.median(cost.cpu for cost in costs)
            rows.append([f"{packs} x {members:,}", name, len(costs[0].call_log), f"{bound:.2f}", f"{wall:.2f}"])
            rows[-1] += [f"{wall / bound:.3f}", f"{cpu:.3f}"]
    header = ["packs x members", "run", "calls", "bound s", "wall s", "ratio", "CPU s"]
    print("\n" + table(header, rows))
    print(
        f"\n{LATENCY} ms a call, {CONCURRENCY} concurrent AWS Config calls, calls to S3 and SNS included."
        " Goal: at most 1.10.\n"
    )


def rate_bound(commands, simulation):
    rows = []
    for limit in RATE_LIMITS:
        for name, command in commands.items():
            with running(command, simulation, 50, 200, 2) as program:
                program.organization.set_rate_limit(limit)
                rows += [rate_row(limit, name, run, program.measure()) for run in ("first", "next")]
    header = [
        "calls a second",
        "program",
        "run",
        "calls",
        "attempts",
        "calls / r",
        "wall s",
        "ratio",
        "wasted",
        "outcome",
    ]
    print(table(header, rows))
    print("\nGoals: a ratio of at most 1.15, and at most 15 % wasted attempts.\n")


def rate_row(limit, name, run, cost):
    calls, attempts, bound = cost.calls(), cost.attempts(), cost.calls() / limit
    failed = cost.response.get("errorType") or ("" if cost.response.get("complete", True) else "incomplete")
    row = [limit, name, run, calls, attempts, f"{bound:.1f}", f"{cost.wall:.1f}", f"{cost.wall / bound:.3f}"]
    return [*row, f"{100 * (attempts / calls - 1):.0f} %", failed or "all succeeded"]


def starts(packwatch, noop, simulation):
    """Measures the time from exec to the first poll. The programs alternate."""
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
            "no-op function": (noop, {}),
        }
        times = {name: [] for name in programs}
        organization = GeneratedOrganization(folder, simulation, 1, 1, 0, latency=0)
        try:
            for _ in range(STARTS):
                for name, (command, settings) in programs.items():
                    program = Program(command, organization, folder, **settings)
                    times[name].append(1000 * program.init_seconds)
                    program.close()
        finally:
            organization.stop()
    rows = [
        [name, f"{statistics.median(each):.1f}", f"{min(each):.1f}", f"{sorted(each)[9 * STARTS // 10]:.1f}"]
        for name, each in times.items()
    ]
    print(table(["exec to first poll, ms", "median", "minimum", "90th percentile"], rows))
    print(
        f"\nA TLS client reads the {len(certificates)} certificates of this machine at its start: from one file and, if the system has"
    )
    print(
        "it, from a folder with one file for each. provided.al2023 has only the file. packwatch also calls STS GetCallerIdentity,"
    )
    print("without latency in this measurement. Goal: 4 ms more than the no-op function.")

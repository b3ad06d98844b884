#!/usr/bin/env python3
"""What packwatch costs in a month, in US dollars, as the template sets it up.

    cargo build --release --bin packwatch
    cargo build --release --example organization
    pip install -r tests/requirements.txt
    python benches/cost.py target/release/packwatch target/release/examples/organization

What one run takes is measured on the simulated organization: the time, the calls to S3, the bytes of the log and of the snapshot. What a
unit costs is AWS's list price in us-east-1, without any free tier and without the cheaper class that larger snapshots move to; the pages
are named beside the prices. Taxes, and emails beyond a few, are not in it. AWS Config's own price is that of its rules and recorders:
reading statuses costs nothing.
"""

import argparse
import pathlib
import tempfile

from programs import PACKWATCH, World, Program, commands, table

HOURS = 730
# https://aws.amazon.com/lambda/pricing/ (arm64; the start is billed too)
GB_SECOND, REQUEST = 0.0000133334, 0.20 / 1_000_000
# https://aws.amazon.com/s3/pricing/
PUT, GET, GB_MONTH = 0.005 / 1_000, 0.0004 / 1_000, 0.023
# https://aws.amazon.com/cloudwatch/pricing/
METRIC, ALARM, DASHBOARD, LOG_GB, LOG_GB_MONTH = 0.30, 0.10, 3.00, 0.50, 0.03
# https://aws.amazon.com/eventbridge/pricing/ and https://aws.amazon.com/xray/pricing/
START, TRACE = 1.00 / 1_000_000, 5.00 / 1_000_000

METRICS, ALARMS = 14, 6
# What Lambda itself logs of an invocation: its start, its end and its report.
LAMBDA_LOGS = 1_500


def measured(command, simulation, packs, members, failing):
    """A quiet run in a process of its own, as most scheduled runs are: every start is cold."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        world = World(folder, simulation, packs, members, failing)
        try:
            settings = {"AWS_LAMBDA_LOG_FORMAT": "JSON"}
            first = Program(command, world, folder, **settings)
            first.good_run()
            first.close()
            log = folder / "program.log"
            before = log.stat().st_size
            program = Program(command, world, folder, **settings)
            run = program.run()
            assert run.answer["outcome"] in ("committed", "resumed"), run.answer
            program.runs = 1
            run = program.good_run()
            program.close()
            stored = [call["operation"] for call in run.journal if call["service"] == "s3"]
            return {
                "seconds": program.start + run.wall,
                "puts": stored.count("PutObject"),
                "gets": stored.count("GetObject"),
                "log": (log.stat().st_size - before) / 2 + LAMBDA_LOGS,
                "snapshot": world.size("latest.json"),
                "ledger": world.size("ledger.json"),
            }
        finally:
            world.stop()


def month(run, minutes, memory, days):
    runs = HOURS * 60 / minutes
    # What expired, and the versions of the ledger and of latest.json that were written over, stay for 30 days more.
    stored = run["snapshot"] * runs * (days + 30) / 30.4 + (run["ledger"] + run["snapshot"]) * runs * 30 / 30.4
    return {
        "Lambda": runs * (run["seconds"] * memory / 1024 * GB_SECOND + REQUEST),
        "S3: calls": runs * (run["puts"] * PUT + run["gets"] * GET),
        f"S3: {days} days of snapshots, and 30 of versions": stored / 1e9 * GB_MONTH,
        "logs, kept 90 days": runs * run["log"] / 1e9 * (LOG_GB + 3 * LOG_GB_MONTH),
        "schedule and traces": runs * (START + TRACE),
        f"{METRICS} metrics": METRICS * METRIC,
        f"{ALARMS} alarms": ALARMS * ALARM,
        "dashboard": DASHBOARD,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("simulation", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=15, help="between two runs")
    parser.add_argument("--memory", type=int, default=256, help="MB of the function")
    parser.add_argument("--days", type=int, default=400, help="that snapshots are kept")
    given = parser.parse_args()
    sizes = [(10, 100, 1), (50, 1_000, 10), (50, 10_000, 100)]
    command = commands(given.binary.resolve())[PACKWATCH]
    runs = [measured(command, given.simulation.resolve(), *size) for size in sizes]
    months = [month(run, given.minutes, given.memory, given.days) for run in runs]
    head = ["a month, in USD", *(f"{packs} x {members:,}, {failing} failing in each" for packs, members, failing in sizes)]
    rows = [[name, *(f"{costs[name]:.2f}" for costs in months)] for name in months[0]]
    rows.append(["all", *(f"{sum(costs.values()):.2f}" for costs in months)])
    print(table(head, rows))
    for (packs, members, _), run in zip(sizes, runs):
        print(f"\n{packs} x {members:,}: " + ", ".join(f"{name} {value:,.2f}" for name, value in run.items()), end="")
    print()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Computes the monthly cost of a stack with the defaults of the template, and the price of each switch.

    cargo build --release -p packwatch
    cargo build --release --example simulated_org
    pip install -r tests/e2e/requirements.txt
    python benches/cost.py target/release/packwatch-lambda target/release/examples/simulated_org

It fails if 10 packs in 100 accounts or 50 packs in 1,000 accounts cost more than 2.00 dollars a month.

The time, the calls to S3, and the bytes of the log and of the snapshot are measured on the
simulated organization. Prices are the list prices of AWS in us-east-1, as known in the middle of 2025,
without the free tier and without the cheaper storage class to which larger snapshots transition; the
comments below have their sources. Not included are taxes and emails beyond a few. AWS Config charges
for rules and recorders, but not for reading statuses.
"""

import argparse
import pathlib
import sys
import tempfile

from workloads import PACKWATCH, GeneratedOrganization, Program, commands, table

# Hours of a month.
HOURS = 730
# The highest cost in US dollars of the first two organizations below.
LIMIT = 2.00
SIZES = [(10, 100, 1), (50, 1_000, 10), (50, 10_000, 100)]
# https://aws.amazon.com/lambda/pricing/ (arm64; the init phase is billed too)
GB_SECOND, REQUEST = 0.0000133334, 0.20 / 1_000_000
# https://aws.amazon.com/s3/pricing/
PUT, GET, GB_MONTH = 0.005 / 1_000, 0.0004 / 1_000, 0.023
# https://aws.amazon.com/cloudwatch/pricing/
METRIC, ALARM, DASHBOARD, LOG_GB, LOG_GB_MONTH = 0.30, 0.10, 3.00, 0.50, 0.03
# https://aws.amazon.com/eventbridge/pricing/ and https://aws.amazon.com/xray/pricing/
START, TRACE = 1.00 / 1_000_000, 5.00 / 1_000_000
# https://aws.amazon.com/kms/pricing/
KEY, KEY_REQUEST = 1.00, 0.03 / 10_000

ALARM_METRICS, ALL_METRICS, ALARMS = 3, 14, 6
# Bytes that Lambda itself logs for an invocation: the START, END and REPORT records.
LAMBDA_LOGS = 1_500


def measure(command, simulation, packs, members, failing):
    """Measures a run without changes in a new process: most scheduled runs have a cold start."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        organization = GeneratedOrganization(folder, simulation, packs, members, failing)
        try:
            settings = {"AWS_LAMBDA_LOG_FORMAT": "JSON"}
            first = Program(command, organization, folder, **settings)
            first.run()
            first.close()
            log = folder / "program.log"
            before = log.stat().st_size
            program = Program(command, organization, folder, **settings)
            run = program.measure()
            assert run.response["outcome"] in ("committed", "resumed"), run.response
            program.runs = 1
            run = program.run()
            program.close()
            operations = [call["operation"] for call in run.call_log if call["service"] == "s3"]
            return {
                "seconds": program.init_seconds + run.wall,
                "puts": operations.count("PutObject"),
                "gets": operations.count("GetObject") + operations.count("HeadObject"),
                "log": (log.stat().st_size - before) / 2 + LAMBDA_LOGS,
                "snapshot": organization.size("latest.json"),
                "ledger": organization.size("ledger.json"),
            }
        finally:
            organization.stop()


def monthly_cost(run, minutes, memory, days):
    runs = HOURS * 60 / minutes
    # Expired objects, and replaced versions of the ledger and of latest.json, remain for 30 more
    # days.
    stored = run["snapshot"] * runs * (days + 30) / 30.4 + (run["ledger"] + run["snapshot"]) * runs * 30 / 30.4
    return {
        "Lambda": runs * (run["seconds"] * memory / 1024 * GB_SECOND + REQUEST),
        "S3: requests": runs * (run["puts"] * PUT + run["gets"] * GET),
        f"S3: snapshots for {days} days, versions for 30": stored / 1e9 * GB_MONTH,
        "logs, kept 90 days": runs * run["log"] / 1e9 * (LOG_GB + 3 * LOG_GB_MONTH),
        "schedule": runs * START,
        f"{ALARM_METRICS} metrics": ALARM_METRICS * METRIC,
        f"{ALARMS} alarms": ALARMS * ALARM,
    }


def switches(run, minutes, memory, days):
    """Returns what each change of a parameter adds to the monthly cost."""
    runs = HOURS * 60 / minutes

    def difference(minutes=minutes, memory=memory, days=days):
        return sum(monthly_cost(run, minutes, memory, days).values()) - total

    total = sum(monthly_cost(run, minutes, memory, days).values())
    metrics = (ALL_METRICS - ALARM_METRICS) * METRIC
    return {
        "`Metrics=all`": metrics,
        "`Dashboard=on` and `Metrics=all`": metrics + DASHBOARD,
        "`Tracing=on`": runs * TRACE,
        "`KmsKeyArn`, a new key": KEY + runs * (run["puts"] + run["gets"]) * KEY_REQUEST,
        "`NoRunAlarmMinutes=0`": -2 * ALARM,
        "`ScheduleExpression=rate(5 minutes)`": difference(minutes=5),
        "`ScheduleExpression=rate(1 hour)`": difference(minutes=60),
        "`MemorySize=1024`": difference(memory=1024),
        "`SnapshotRetentionDays=90`": difference(days=90),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("simulation", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=15, help="minutes between two runs")
    parser.add_argument("--memory", type=int, default=256, help="memory size of the function in MB")
    parser.add_argument("--days", type=int, default=400, help="days to keep snapshots")
    args = parser.parse_args()
    command = commands(args.binary.resolve())[PACKWATCH]
    runs = [measure(command, args.simulation.resolve(), *size) for size in SIZES]
    settings = args.minutes, args.memory, args.days
    months = [monthly_cost(run, *settings) for run in runs]
    totals = [sum(costs.values()) for costs in months]
    header = [
        "USD a month",
        *(f"{packs} x {members:,}, {failing} failing in each" for packs, members, failing in SIZES),
    ]
    rows = [[name, *(f"{costs[name]:.2f}" for costs in months)] for name in months[0]]
    rows.append(["total", *(f"{total:.2f}" for total in totals)])
    print(table(header, rows))
    changes = [switches(run, *settings) for run in runs]
    rows = [[name, *(f"{change[name]:+.2f}" for change in changes)] for name in changes[0]]
    print("\n" + table(["change of a parameter", *header[1:]], rows))
    for (packs, members, _), run in zip(SIZES, runs):
        print(f"\n{packs} x {members:,}: " + ", ".join(f"{name} {value:,.2f}" for name, value in run.items()), end="")
    print()
    if max(totals[:2]) > LIMIT:
        sys.exit(f"{max(totals[:2]):.2f} dollars a month, limit {LIMIT:.2f}")


if __name__ == "__main__":
    main()

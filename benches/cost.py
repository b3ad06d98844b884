#!/usr/bin/env python3
"""Computes the monthly cost of a stack with the defaults of the template, in US dollars.

    cargo build --release -p packwatch
    cargo build --release --example simulated_org
    pip install -r tests/e2e/requirements.txt
    python benches/cost.py target/release/packwatch-lambda target/release/examples/simulated_org

The time, the calls to S3, and the bytes of the log and of the snapshot are measured on the
simulated organization. Prices are the list prices of AWS in us-east-1, without the free tier and
without the cheaper storage class to which larger snapshots transition; the comments below have
their sources. Not included are taxes and emails beyond a few. AWS Config charges for rules and
recorders, but not for reading statuses.
"""

import argparse
import pathlib
import tempfile

from workloads import PACKWATCH, GeneratedOrganization, Program, commands, table

# Hours of a month.
HOURS = 730
# https://aws.amazon.com/lambda/pricing/ (arm64; the init phase is billed too)
GB_SECOND, REQUEST = 0.0000133334, 0.20 / 1_000_000
# https://aws.amazon.com/s3/pricing/
PUT, GET, GB_MONTH = 0.005 / 1_000, 0.0004 / 1_000, 0.023
# https://aws.amazon.com/cloudwatch/pricing/
METRIC, ALARM, DASHBOARD, LOG_GB, LOG_GB_MONTH = 0.30, 0.10, 3.00, 0.50, 0.03
# https://aws.amazon.com/eventbridge/pricing/ and https://aws.amazon.com/xray/pricing/
START, TRACE = 1.00 / 1_000_000, 5.00 / 1_000_000

METRICS, ALARMS = 14, 6
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
        "schedule and X-Ray traces": runs * (START + TRACE),
        f"{METRICS} metrics": METRICS * METRIC,
        f"{ALARMS} alarms": ALARMS * ALARM,
        "dashboard": DASHBOARD,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("simulation", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=15, help="minutes between two runs")
    parser.add_argument("--memory", type=int, default=256, help="memory size of the function in MB")
    parser.add_argument("--days", type=int, default=400, help="days to keep snapshots")
    args = parser.parse_args()
    sizes = [(10, 100, 1), (50, 1_000, 10), (50, 10_000, 100)]
    command = commands(args.binary.resolve())[PACKWATCH]
    runs = [measure(command, args.simulation.resolve(), *size) for size in sizes]
    months = [monthly_cost(run, args.minutes, args.memory, args.days) for run in runs]
    header = [
        "USD a month",
        *(f"{packs} x {members:,}, {failing} failing in each" for packs, members, failing in sizes),
    ]
    rows = [[name, *(f"{costs[name]:.2f}" for costs in months)] for name in months[0]]
    rows.append(["total", *(f"{sum(costs.values()):.2f}" for costs in months)])
    print(table(header, rows))
    for (packs, members, _), run in zip(sizes, runs):
        print(f"\n{packs} x {members:,}: " + ", ".join(f"{name} {value:,.2f}" for name, value in run.items()), end="")
    print()


if __name__ == "__main__":
    main()

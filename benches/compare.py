#!/usr/bin/env python3
"""Measures the cost of packwatch and of the same job in boto3 on the simulated organization.

    cargo build --release -p packwatch
    cargo build --release --example simulated_org --example noop_lambda
    pip install -r tests/e2e/requirements.txt
    python benches/compare.py target/release/packwatch-lambda target/release/examples/simulated_org

Each program is one process under the Lambda Runtime API. Its first run finds one failing member in
a hundred; its next run finds no changes. A call takes 40 ms. A CPU share is the part of a core that
Lambda gives for a memory size; as on Lambda, it applies from the first invocation on.

These options replace the comparison, or add to it with --table:
    --memory       peak memory with up to 200,000 failures: in the run that finds them, in the next run,
                   and after all have recovered
    --bounds       time against the lower bounds from concurrency and from rate limits; with --noop also
                   the time of the start
    --scale        the capacity of one run by the formula of docs/scale.md, checked a little below and
                   a little above it
    --call-counts  the number of calls and the failures found on small organizations, without times
"""

import argparse
import pathlib
import statistics
import sys
from contextlib import contextmanager

import boto3

import call_counts
import lower_bounds
import memory
import scale
from measure import CpuShare, machine
from workloads import LATENCY, NAIVE, PACKWATCH, THREADS, commands, running, table

# Seconds. A program whose first run takes longer is measured only once.
MAX_REPEATED = 15
# Seconds. A program whose first run takes longer has no next run.
MAX_FIRST_RUN = 60


def sizes(text):
    return [tuple(int(number) for number in size.split("x")) for size in text.split(",")]


@contextmanager
def limited(program, share):
    """Limits the program to the CPU share of a memory size in MB. 0 is no limit."""
    if not share:
        yield
        return
    group = CpuShare(share)
    try:
        group.add(program.pid)
        yield
    finally:
        program.close()
        group.close()


def measure_once(command, simulation, packs, members, share):
    """Returns the seconds of the start and the costs of the runs.

    There is no next run if the first takes too long.
    """
    with running(command, simulation, packs, members, members // 100) as program, limited(program, share):
        costs = [program.run()]
        if costs[0].wall < MAX_FIRST_RUN:
            costs.append(program.run())
        return program.init_seconds, costs


def measure_repeatedly(command, simulation, packs, members, share, runs):
    """Returns the median of the starts, the costs of the first runs and those of the next runs."""
    results = [measure_once(command, simulation, packs, members, share)]
    while len(results) < runs and results[0][1][0].wall < MAX_REPEATED:
        results.append(measure_once(command, simulation, packs, members, share))
    starts, costs = zip(*results)
    return statistics.median(starts), list(zip(*costs))


def columns(start, costs):
    """Formats the costs of a program as columns of the table."""

    def each(value):
        return " / ".join(value(group) for group in costs)

    def median(name, digits):
        return each(lambda group: f"{statistics.median(getattr(cost, name) for cost in group):.{digits}f}")

    peak = statistics.median(max(cost.peak for cost in pair) for pair in zip(*costs))
    calls, attempts, others = (
        each(lambda group: f"{getattr(group[0], name)():,}") for name in ("calls", "attempts", "other_calls")
    )
    return [f"{start:.3f}", median("wall", 2), median("cpu", 3), f"{peak:.0f}", calls, attempts, others]


def compare(programs, simulation, args):
    header = ["packs x members", "CPU share", "program", "start s", "wall s", "CPU s", "peak MB"]
    rows, skipped = [], set()
    for packs, members in args.sizes:
        for share in args.shares:
            for name, command in programs.items():
                try:
                    costs = columns(*measure_repeatedly(command, simulation, packs, members, share, args.runs))
                except PermissionError as error:
                    skipped.add(f"rows with the CPU share of {share} MB: {error}")
                    break
                row = [f"{packs} x {members:,}", f"of {share} MB" if share else "full", name, *costs]
                print(*row, sep=", ", file=sys.stderr, flush=True)
                rows.append(row)
    print("\n" + table([*header, "Config calls", "attempts", "S3, SNS"], rows))
    print(
        f"\nFirst run / next run, {LATENCY} ms a call. Medians of {args.runs} runs; one run if it takes over {MAX_REPEATED} s."
    )
    print(f"boto3 {boto3.__version__}, Python {sys.version.split()[0]}. {machine()}.")
    for text in sorted(skipped):
        print(f"SKIPPED: {text}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("simulation", type=pathlib.Path)
    parser.add_argument("--sizes", type=sizes, default=sizes("10x100,50x1000,50x10000"))
    parser.add_argument(
        "--shares", default="full,256,128", help="memory sizes in MB whose CPU shares are measured, or full"
    )
    parser.add_argument("--only", choices=[PACKWATCH, THREADS, NAIVE], help="compare only this program")
    parser.add_argument("--runs", type=int, default=3, help="number of measurements of which the table has the medians")
    parser.add_argument("--noop", type=pathlib.Path, help="the example noop_lambda, for --bounds")
    for name in ("table", "memory", "bounds", "scale", "call-counts"):
        parser.add_argument(f"--{name}", action="store_true")
    args = parser.parse_args()
    args.shares = [0 if share == "full" else int(share) for share in args.shares.split(",")]
    simulation, programs = args.simulation.resolve(), commands(args.binary.resolve())
    if args.call_counts:
        call_counts.check(programs, simulation)
    if args.table or not (args.call_counts or args.memory or args.bounds or args.scale):
        compare({args.only: programs[args.only]} if args.only else programs, simulation, args)
    if args.memory:
        memory.measure(programs[PACKWATCH], simulation)
    if args.bounds:
        lower_bounds.measure(programs, simulation, args.noop and args.noop.resolve())
    if args.scale:
        scale.measure(programs[PACKWATCH], simulation)


if __name__ == "__main__":
    main()

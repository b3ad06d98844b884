#!/usr/bin/env python3
"""Runs packwatch beside the same job in boto3, on the simulated organization, and prints what they cost as a table.

    cargo build --release --bin packwatch
    cargo build --release --example organization --example empty
    pip install -r tests/requirements.txt
    python benches/compare.py target/release/packwatch target/release/examples/organization

Each program is one process under Lambda's Runtime API. Its first run finds one member of a hundred failing; its next one
finds nothing new. A call takes 40 ms. A share is that part of a core which Lambda gives with so many MB; it begins with
the first invocation, as Lambda's does.

Any of these instead, one after another (with --table the comparison as well):
    --memory     peak memory with up to 200,000 failing: in the run that finds them, the next, and the one that closes them
    --bounds     time against the least that calls in flight, or a limit of AWS Config, allow; with --empty also the start
    --tls        the first invocation over TLS beside the next ones
    --scale      what docs/scale.md says that a run can watch, tried a little below and a little above
    --svg FILE   calls, time and memory against members, as a plot
    --shape      small organizations: which calls are made and who is found failing, whatever the time; for CI
"""

import argparse
import pathlib
import statistics
import sys
from contextlib import contextmanager

import boto3

import bounds
import memory
import plot
import scale
import shape
import tls
from measure import Share, machine
from programs import LATENCY, NAIVE, PACKWATCH, THREADS, commands, staged, table

# Who takes longer than this is run once.
LONG = 15
# And whose first run takes longer than this has no next one.
TOO_LONG = 60


def sizes(text):
    return [tuple(int(number) for number in size.split("x")) for size in text.split(",")]


def named(packs, members):
    return f"{packs} x {members:,}"


@contextmanager
def held(program, share):
    """The program on its share of a core."""
    if not share:
        yield
        return
    group = Share(share)
    try:
        group.hold(program.pid)
        yield
    finally:
        program.close()
        group.close()


def once(command, simulation, packs, members, share):
    """The seconds of the start, and the costs of a first run and of the next; no next one where that takes too long."""
    with staged(command, simulation, packs, members, members // 100) as program, held(program, share):
        costs = [program.good_run()]
        if costs[0].wall < TOO_LONG:
            costs.append(program.good_run())
        return program.start, costs


def several(command, simulation, packs, members, share, runs):
    """The median of the starts, the costs of several first runs, and those of several next ones."""
    times = [once(command, simulation, packs, members, share)]
    while len(times) < runs and times[0][1][0].wall < LONG:
        times.append(once(command, simulation, packs, members, share))
    starts, costs = zip(*times)
    return statistics.median(starts), list(zip(*costs))


def figures(start, costs):
    """What the table says of a program: of its start, of the first run, and of the next."""

    def each(value):
        return " / ".join(value(of_run) for of_run in costs)

    def median(name, digits):
        return each(lambda of_run: f"{statistics.median(getattr(cost, name) for cost in of_run):.{digits}f}")

    peak = statistics.median(max(cost.peak for cost in pair) for pair in zip(*costs))
    calls, attempts, others = (
        each(lambda of_run: f"{getattr(of_run[0], name)():,}") for name in ("calls", "attempts", "others")
    )
    return [f"{start:.3f}", median("wall", 2), median("processor", 3), f"{peak:.0f}", calls, attempts, others]


def compare(programs, simulation, given):
    head = ["packs x members", "processor", "program", "start s", "wall s", "processor s", "peak MB"]
    rows, left_out = [], set()
    for packs, members in given.sizes:
        for share in given.shares:
            for name, command in programs.items():
                try:
                    figured = figures(*several(command, simulation, packs, members, share, given.runs))
                except PermissionError as error:
                    left_out.add(f"{error}: what has the share of {share} MB is left out")
                    break
                row = [named(packs, members), f"of {share} MB" if share else "whole", name, *figured]
                print(*row, sep=", ", file=sys.stderr, flush=True)
                rows.append(row)
    print("\n" + table([*head, "Config calls", "attempts", "S3, SNS"], rows))
    print(f"\nThe first run / the next one, {LATENCY} ms a call. Medians of {given.runs}; of one run from {LONG} s on.")
    print(f"boto3 {boto3.__version__}, Python {sys.version.split()[0]}. {machine()}.")
    for text in sorted(left_out):
        print(f"LEFT OUT: {text}")


def draw(programs, simulation, file):
    """The next run against members; of the naive loop, whose runs are all alike, the first."""
    lines = {}
    for members in plot.MEMBERS:
        for name, command in programs.items():
            with staged(command, simulation, plot.PACKS, members, plot.FAILING) as program:
                costs = [program.good_run()]
                if name != NAIVE:
                    costs.append(program.good_run())
            point = (costs[-1].calls(), costs[-1].wall, max(cost.peak for cost in costs))
            lines.setdefault(name, []).append((members, *point))
            calls, wall, peak = point
            print(f"{named(plot.PACKS, members)}, {name}: {calls:,} calls, {wall:.2f} s, {peak:.1f} MB", flush=True)
    file.write_text(plot.drawn(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("simulation", type=pathlib.Path)
    parser.add_argument("--sizes", type=sizes, default=sizes("10x100,50x1000,50x10000"))
    parser.add_argument("--shares", default="full,256,128", help="MB of memory, or full")
    parser.add_argument("--only", choices=[PACKWATCH, THREADS, NAIVE], help="one program in the table")
    parser.add_argument("--runs", type=int, default=3, help="that the medians are of")
    parser.add_argument("--empty", type=pathlib.Path, help="the example of that name, for --bounds")
    parser.add_argument("--svg", type=pathlib.Path)
    for name in ("table", "memory", "bounds", "scale", "shape", "tls"):
        parser.add_argument(f"--{name}", action="store_true")
    given = parser.parse_args()
    given.shares = [0 if share == "full" else int(share) for share in given.shares.split(",")]
    simulation, programs = given.simulation.resolve(), commands(given.binary.resolve())
    if given.shape:
        shape.check(programs, simulation)
    if given.table or not (given.shape or given.memory or given.bounds or given.scale or given.svg or given.tls):
        compare({given.only: programs[given.only]} if given.only else programs, simulation, given)
    if given.memory:
        memory.measure(programs[PACKWATCH], simulation)
    if given.bounds:
        bounds.measure(programs, simulation, given.empty and given.empty.resolve())
    if given.tls:
        tls.measure(programs[PACKWATCH], simulation)
    if given.scale:
        scale.measure(programs[PACKWATCH], simulation)
    if given.svg:
        draw(programs, simulation, given.svg)


if __name__ == "__main__":
    main()

"""The programs that are compared, the organization that they watch, and what a run of theirs costs."""

import pathlib
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from emulator import BUCKET, OWN, REGION, SIGNED, TOPIC, Organization, environment, fetch  # noqa: E402
from runtime_api import Function  # noqa: E402

from measure import forget_peak, peak, processor  # noqa: E402

LATENCY = 40
SOURCE = {"caller": OWN, "region": REGION}
PACKWATCH, THREADS, NAIVE = "packwatch", "boto3, 8 threads", "boto3, naive"
# Lambda gives no more.
LONGEST = 900


def commands(binary):
    """How each program is started."""
    script = HERE / "boto3_watch.py"
    return {
        PACKWATCH: [binary],
        THREADS: [sys.executable, script, "--threads", "8"],
        NAIVE: [sys.executable, script, "--naive"],
    }


class World(Organization):
    """An organization of so many packs with so many members each, some of them failing."""

    def __init__(self, folder, simulation, packs, members, failing, latency=LATENCY):
        super().__init__(folder, simulation)
        self.change({"remove_pack": {**SOURCE, "pack": "baseline"}}, {"latency": latency})
        self.fill(packs, members, failing)

    def fill(self, packs, members, failing):
        """Makes the packs anew; `failing` is how many members of each."""
        self.change({"fill": {**SOURCE, "packs": packs, "members": members, "failing": failing}})

    def limit(self, per_second):
        self.change({"rate_limit": {"per_second": per_second, "burst": per_second}})

    def size(self, key):
        """Bytes of an object."""
        return len(fetch(f"{self.url}/{BUCKET}/{key}", headers={"Authorization": SIGNED}))


@dataclass
class Cost:
    """What a run cost, and what it answered."""

    wall: float
    processor: float
    peak: float
    answer: dict
    journal: list

    def config(self):
        return [call for call in self.journal if call["service"] == "config"]

    def calls(self):
        """Calls to AWS Config that were answered, whatever attempts that took."""
        return sum(call["status"] == 200 for call in self.config())

    def attempts(self):
        return len(self.config())

    def others(self):
        return len(self.journal) - self.attempts()


class Program:
    """A program in one process under Lambda's Runtime API, as in one execution environment of Lambda."""

    def __init__(self, command, world, folder, **settings):
        self.world, self.runs = world, 0
        settings = {"SNAPSHOT_BUCKET": BUCKET, "TOPIC_ARN": TOPIC, **settings}
        with open(folder / "program.log", "ab") as output:
            started = time.monotonic()
            self.function = Function(command[0], environment(world, **settings), output, *command[1:])
        self.pid = self.function.process.pid
        # Lambda gives a whole core to what comes before the first invocation.
        self.start = self.function.api.polls.get(timeout=60) - started

    def run(self, seconds=LONGEST, event={}):
        """A run, and what it cost; its answer may be an error."""
        self.runs += 1
        self.world.change("forget_calls")
        forget_peak(self.pid)
        before, started = processor(self.pid), time.monotonic()
        self.function.invoke(f"run-{self.runs}", seconds, event)
        answer = self.function.answer()
        wall = time.monotonic() - started
        assert answer, f"no answer after {wall:.0f} s"
        return Cost(wall, processor(self.pid) - before, peak(self.pid), answer, self.world.calls())

    def good_run(self, seconds=LONGEST, event={}):
        """A run that must end well."""
        cost = self.run(seconds, event)
        assert "errorType" not in cost.answer, f"the run failed: {cost.answer}"
        return cost

    def close(self):
        self.function.kill()


@contextmanager
def staged(command, simulation, packs, members, failing, latency=LATENCY):
    """A program before a world of its own; what it wrote goes with a failure."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        world = World(folder, simulation, packs, members, failing, latency)
        program = None
        try:
            program = Program(command, world, folder)
            yield program
        except Exception as error:
            written = (folder / "program.log").read_text(errors="replace")[-4000:]
            error.add_note(f"--- what the program wrote last\n{written}---")
            raise
        finally:
            if program:
                program.close()
            world.stop()


def failing_in(world):
    """Who fails, by what the program left in the bucket: pack and account."""
    if "latest.json" in world.keys():
        packs = world.document("latest.json")["packs"]
        return {(pack["pack"], row["account_id"]) for pack in packs for row in pack["failing_accounts"]}
    return {tuple(key.split()) for key in world.document("state.json")}


def table(head, rows):
    """In Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def subjects(world):
    return [publish["subject"] for publish in world.publishes()]


def named_failures(packs, members, failing):
    """Who fails in a filled organization: pack and account."""
    accounts = [
        f"{200_000_000_001 + number}"
        for number in range(members)
        if number * failing // members != (number + 1) * failing // members
    ]
    return {(f"pack-{pack:03}", account) for pack in range(packs) for account in accounts}

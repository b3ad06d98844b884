"""The programs of the comparison, their simulated organization, and the cost of their runs."""

import pathlib
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/e2e"))

from lambda_rie import BUCKET, OWN, REGION, SIGNED, TOPIC, Organization, environment, fetch  # noqa: E402
from runtime_api import Function  # noqa: E402

from measure import cpu_seconds, peak_memory, reset_peak  # noqa: E402

# Milliseconds from a request to the response of the simulation.
LATENCY = 40
SOURCE = {"caller": OWN, "region": REGION}
PACKWATCH, THREADS, NAIVE = "packwatch", "boto3, 8 threads", "boto3, naive"
# Seconds. The longest timeout that Lambda allows.
MAX_TIMEOUT = 900


def commands(binary):
    """Returns the command line of each program."""
    script = HERE / "boto3_watch.py"
    return {
        PACKWATCH: [binary],
        THREADS: [sys.executable, script, "--threads", "8"],
        NAIVE: [sys.executable, script, "--naive"],
    }


class GeneratedOrganization(Organization):
    """An organization of `packs` packs with `members` members each, of which `failing` fail."""

    def __init__(self, folder, simulation, packs, members, failing, latency=LATENCY, message_length=0):
        super().__init__(folder, simulation)
        self.change({"remove_pack": {**SOURCE, "pack": "baseline"}}, {"latency": latency})
        self.fill(packs, members, failing, message_length)

    def fill(self, packs, members, failing, message_length=0):
        """Replaces the packs. `failing` is the number of failing members in each pack. Their error
        messages are equal, or differ and have `message_length` characters."""
        size = {"packs": packs, "members": members, "failing": failing, "message_length": message_length}
        self.change({"fill": {**SOURCE, **size}})

    def set_rate_limit(self, per_second):
        self.change({"rate_limit": {"per_second": per_second, "burst": per_second}})

    def size(self, key):
        """Returns the size of an object in bytes."""
        return len(fetch(f"{self.url}/{BUCKET}/{key}", headers={"Authorization": SIGNED}))


@dataclass
class Cost:
    """The cost of a run, and its response.

    Times are in seconds, and `peak` is in MB of 1,048,576 bytes.
    """

    wall: float
    cpu: float
    peak: float
    response: dict
    call_log: list

    def config_log(self):
        return [call for call in self.call_log if call["service"] == "config"]

    def calls(self):
        """Returns the number of calls to AWS Config that succeeded, retries not counted."""
        return sum(call["status"] == 200 for call in self.config_log())

    def attempts(self):
        """Returns the number of calls to AWS Config, retries counted."""
        return len(self.config_log())

    def other_calls(self):
        """Returns the number of calls to other services."""
        return len(self.call_log) - self.attempts()


class Program:
    """A program in one process under the Lambda Runtime API, as in a Lambda execution environment."""

    def __init__(self, command, organization, folder, **settings):
        self.organization, self.runs = organization, 0
        settings = {"SNAPSHOT_BUCKET": BUCKET, "TOPIC_ARN": TOPIC, **settings}
        with open(folder / "program.log", "ab") as output:
            started = time.monotonic()
            self.function = Function(command[0], environment(organization, **settings), output, *command[1:])
        self.pid = self.function.process.pid
        # Seconds from exec to the first poll. Lambda gives a full core to this phase, so no CPU
        # share applies.
        self.init_seconds = self.function.api.polls.get(timeout=60) - started

    def measure(self, seconds=MAX_TIMEOUT, event={}):
        """Invokes the program and returns the cost. The response may be an error."""
        self.runs += 1
        self.organization.change("forget_calls")
        reset_peak(self.pid)
        before, started = cpu_seconds(self.pid), time.monotonic()
        self.function.invoke(f"run-{self.runs}", seconds, event)
        response = self.function.response()
        wall = time.monotonic() - started
        assert response, f"no response after {wall:.0f} s"
        return Cost(wall, cpu_seconds(self.pid) - before, peak_memory(self.pid), response, self.organization.calls())

    def run(self, seconds=MAX_TIMEOUT, event={}):
        """Invokes the program, asserts that it succeeds, and returns the cost."""
        cost = self.measure(seconds, event)
        assert "errorType" not in cost.response, f"the run failed: {cost.response}"
        return cost

    def close(self):
        self.function.kill()


@contextmanager
def running(command, simulation, packs, members, failing, latency=LATENCY, message_length=0, **settings):
    """Runs a program with an organization and settings of its own.

    An exception gets the end of the program's output as a note.
    """
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        organization = GeneratedOrganization(
            folder, simulation, packs, members, failing, latency, message_length
        )
        program = None
        try:
            program = Program(command, organization, folder, **settings)
            yield program
        except Exception as error:
            output = (folder / "program.log").read_text(errors="replace")[-4000:]
            error.add_note(f"--- end of the output of the program\n{output}---")
            raise
        finally:
            if program:
                program.close()
            organization.stop()


def found_failures(organization):
    """Returns the failures that the program stored in the bucket, as pairs of pack and account."""
    if "latest.json" in organization.keys():
        packs = organization.document("latest.json")["packs"]
        return {(pack["pack"], record["account_id"]) for pack in packs for record in pack["failing_accounts"]}
    return {tuple(key.split()) for key in organization.document("state.json")}


def table(header, rows):
    """Formats a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def subjects(organization):
    return [publish["subject"] for publish in organization.publishes()]


def expected_failures(packs, members, failing):
    """Returns the failures of a generated organization, as pairs of pack and account."""
    accounts = [
        f"{200_000_000_001 + number}"
        for number in range(members)
        if number * failing // members != (number + 1) * failing // members
    ]
    return {(f"pack-{pack:03}", account) for pack in range(packs) for account in accounts}

"""A test environment for complete runs in separate processes.

It has a simulated organization, the state that is expected of it, and the digests that its topics
got.
"""

import datetime
import json
import time
from collections import Counter

from lambda_rie import BUCKET, OWN, REGION, TOPIC, Organization, environment
from runtime_api import Function

CHAT = TOPIC.replace("digest", "chat")
FAILED, SUCCESSFUL, IN_PROGRESS = "UPDATE_FAILED", "UPDATE_SUCCESSFUL", "UPDATE_IN_PROGRESS"
BUS = f"arn:aws:events:{REGION}:{OWN}:event-bus/operations"
SETTINGS = {
    "SNAPSHOT_BUCKET": BUCKET,
    "TOPIC_ARN": TOPIC,
    "CHAT_TOPIC_ARN": CHAT,
    "EVENT_BUS": BUS,
    "REMIND_AFTER_HOURS": "0",
}


class TestEnv:
    """A simulated organization, processes of the function, and the expected failures."""

    def __init__(self, folder, binary, simulation):
        self.binary, self.output = binary, folder / "function.log"
        self.organization = Organization(folder, simulation)
        self.organization.change({"create_topic": CHAT}, {"create_event_bus": BUS})
        # Pairs of pack and account.
        self.failing, self.in_progress = set(), set()
        # How often each pair began to fail, and stopped: no topic may get more notifications than
        # that.
        self.failure_starts, self.failure_ends = Counter(), Counter()
        self.functions, self.runs, self.sequence = [], 0, 0
        # The event of the last run that was not a retry.
        self.event = {}

    def close(self):
        for function in self.functions:
            function.kill()
        self.organization.stop()

    def put_member(self, pack, account, status):
        """Sets the status of a member account in a pack.

        Without a status, removes the member from the pack.
        """
        where, key = {"caller": OWN, "region": REGION, "pack": pack, "account": account}, (pack, account)
        put = {"put_member": {**where, "row": {"status": status}}}
        self.organization.change(put if status else {"remove_member": where})
        if status == IN_PROGRESS:
            self.in_progress.add(key)
            return
        self.in_progress.discard(key)
        if status != FAILED:
            self.end_failures([key])
        elif key not in self.failing:
            self.failing.add(key)
            self.failure_starts[key] += 1

    def remove_pack(self, pack):
        self.organization.change({"remove_pack": {"caller": OWN, "region": REGION, "pack": pack}})
        self.in_progress = {key for key in self.in_progress if key[0] != pack}
        self.end_failures([key for key in self.failing if key[0] == pack])

    def end_failures(self, keys):
        self.failure_ends.update(self.failing.intersection(keys))
        self.failing.difference_update(keys)

    def finish_updates(self):
        """Ends every update in progress with the result that the member had before."""
        for pack, account in sorted(self.in_progress):
            self.put_member(pack, account, FAILED if (pack, account) in self.failing else SUCCESSFUL)

    def request_id(self):
        self.runs += 1
        return f"run-{self.runs}"

    def start(self):
        with open(self.output, "ab") as output:
            self.functions.append(Function(self.binary, environment(self.organization, **SETTINGS), output))
        return self.functions[-1]

    def invoke(self, function, request_id, event={}):
        """Invokes the function and asserts that it succeeds. Returns its response."""
        function.invoke(request_id, 30, event)
        response = function.response()
        assert response and "errorType" not in response, f"{request_id} was not killed, but its response is {response}"
        return response

    def run(self, request_id, event={}):
        """Invokes the function in a new process and asserts that it succeeds."""
        function = self.start()
        self.invoke(function, request_id, event)
        function.kill()

    def run_until_quiescent(self):
        """Runs without kills until two runs in a row publish nothing."""
        self.wait_for_leases()
        function, quiescent = self.start(), 0
        for _ in range(8):
            before = len(self.organization.publishes())
            response = self.invoke(function, self.request_id())
            assert response["outcome"] == "committed" and response["complete"], f"a run without kills: {response}"
            quiescent = quiescent + 1 if len(self.organization.publishes()) == before else 0
            if quiescent == 2:
                function.kill()
                return
        raise AssertionError("runs without changes still publish")

    def wait_for_leases(self):
        """Waits until the leases of killed executions expire.

        Until then no other execution may send their digests.
        """
        for receiver in self.ledger()["receivers"].values():
            if lease := receiver.get("outgoing", {}).get("lease"):
                expires_at = datetime.datetime.fromisoformat(lease["expires_at"]).timestamp()
                time.sleep(max(0, expires_at + 0.01 - time.time()))

    def ledger(self):
        """Returns the ledger. Asserts that its sequence number never decreases."""
        exists = "ledger.json" in self.organization.keys()
        ledger = self.organization.document("ledger.json") if exists else {"sequence": 0, "receivers": {}}
        assert ledger["sequence"] >= self.sequence, (
            f"the sequence went from {self.sequence} back to {ledger['sequence']}"
        )
        self.sequence = ledger["sequence"]
        return ledger

    def digests(self, topic):
        """Returns the digests that a topic got, by id, without test notifications.

        Asserts that a digest that is sent again has the same content.
        """
        digests, messages = {}, {}
        for publish in self.organization.publishes():
            if publish["topic"] == topic and "] TEST " not in publish["message"]:
                message = json.loads(publish["message"])
                digest = json.loads(message["default"]) if topic == TOPIC else message
                digest_id = digest["digest_id" if topic == TOPIC else "id"]
                sent = [publish[part] for part in ("subject", "message", "structure", "attributes")]
                assert messages.setdefault(digest_id, sent) == sent, (
                    f"{topic} got two different messages with id {digest_id}"
                )
                digests[digest_id] = digest
        return digests

"""The stage of whole runs in processes: a simulated organization, what is true in it, and what its topics were told."""

import datetime
import json
import time
from collections import Counter

from emulator import BUCKET, OWN, REGION, TOPIC, Organization, environment
from runtime_api import Function

CHAT = TOPIC.replace("digest", "chat")
FAILED, SUCCESSFUL, MOVING = "UPDATE_FAILED", "UPDATE_SUCCESSFUL", "UPDATE_IN_PROGRESS"
SETTINGS = {"SNAPSHOT_BUCKET": BUCKET, "TOPIC_ARN": TOPIC, "CHAT_TOPIC_ARN": CHAT, "REMIND_AFTER_HOURS": "0"}


class Stage:
    def __init__(self, folder, binary, simulation):
        self.binary, self.output = binary, folder / "function.log"
        self.organization = Organization(folder, simulation)
        self.organization.change({"create_topic": CHAT})
        # Members, as pack and account.
        self.failing, self.moving = set(), set()
        # How often each began to fail, and ended: it can be told no more often.
        self.began, self.ended = Counter(), Counter()
        self.functions, self.runs, self.sequence = [], 0, 0

    def close(self):
        for function in self.functions:
            function.kill()
        self.organization.stop()

    def member(self, pack, account, status):
        """Puts a member's row; without a status the member leaves the pack."""
        where, key = {"caller": OWN, "region": REGION, "pack": pack, "account": account}, (pack, account)
        put = {"put_member": {**where, "row": {"status": status}}}
        self.organization.change(put if status else {"remove_member": where})
        if status == MOVING:
            self.moving.add(key)
            return
        self.moving.discard(key)
        if status != FAILED:
            self.end([key])
        elif key not in self.failing:
            self.failing.add(key)
            self.began[key] += 1

    def remove_pack(self, pack):
        self.organization.change({"remove_pack": {"caller": OWN, "region": REGION, "pack": pack}})
        self.moving = {key for key in self.moving if key[0] != pack}
        self.end([key for key in self.failing if key[0] == pack])

    def end(self, keys):
        self.ended.update(self.failing.intersection(keys))
        self.failing.difference_update(keys)

    def settle(self):
        """What moves comes to rest as it was before."""
        for pack, account in sorted(self.moving):
            self.member(pack, account, FAILED if (pack, account) in self.failing else SUCCESSFUL)

    def request_id(self):
        self.runs += 1
        return f"run-{self.runs}"

    def start(self):
        with open(self.output, "ab") as output:
            self.functions.append(Function(self.binary, environment(self.organization, **SETTINGS), output))
        return self.functions[-1]

    def answer(self, function, request_id, event={}):
        """What a run answers that must end well."""
        function.invoke(request_id, 30, event)
        answer = function.answer()
        assert answer and "errorType" not in answer, f"{request_id}, which nobody killed, answered {answer}"
        return answer

    def run(self, request_id, event={}):
        """A run in a process of its own that must end well."""
        function = self.start()
        self.answer(function, request_id, event)
        function.kill()

    def until_quiet(self):
        """Runs without kills until two in a row have nothing to say."""
        self.outlast_owners()
        function, quiet = self.start(), 0
        for _ in range(8):
            before = len(self.organization.publishes())
            answer = self.answer(function, self.request_id())
            assert answer["outcome"] == "committed" and answer["complete"], f"a run without kills: {answer}"
            quiet = quiet + 1 if len(self.organization.publishes()) == before else 0
            if quiet == 2:
                function.kill()
                return
        raise AssertionError("it does not fall silent")

    def outlast_owners(self):
        """Waits until no dead execution owns a digest: until its time is over, nobody else may send it."""
        for audience in self.ledger()["audiences"].values():
            if owner := audience.get("head", {}).get("owner"):
                until = datetime.datetime.fromisoformat(owner["until"]).timestamp()
                time.sleep(max(0, until + 0.01 - time.time()))

    def ledger(self):
        """The ledger, which always parses and never goes back."""
        there = "ledger.json" in self.organization.keys()
        ledger = self.organization.document("ledger.json") if there else {"sequence": 0, "audiences": {}}
        assert ledger["sequence"] >= self.sequence, f"the ledger went back from {self.sequence} to {ledger['sequence']}"
        self.sequence = ledger["sequence"]
        return ledger

    def digests(self, topic):
        """What a topic was told: each digest once, by its id. One that was sent again has the same bytes."""
        told, bytes_of = {}, {}
        for publish in self.organization.publishes():
            if publish["topic"] == topic:
                message = json.loads(publish["message"])
                digest = json.loads(message["default"]) if topic == TOPIC else message
                name = digest["digest_id" if topic == TOPIC else "id"]
                sent = [publish[part] for part in ("subject", "message", "structure", "attributes")]
                assert bytes_of.setdefault(name, sent) == sent, f"{topic} was told two things as {name}"
                told[name] = digest
        return told

"""Measures the peak memory of packwatch against the number of failing members."""

import datetime

from measure import machine
from workloads import OWN, REGION, TOPIC, running, table

# Packs, members of each pack, failing members of each pack, characters of the error messages, mutes.
# Zero characters: all failing members have the same short message. Otherwise every message is
# different.
SIZES = [
    (50, 1_000, 10, 0, 0),
    (50, 10_000, 100, 0, 0),
    (50, 10_000, 1_000, 0, 0),
    (50, 10_000, 1_000, 1_024, 0),
    (50, 10_000, 1_000, 1_024, 200),
    (50, 10_000, 2_000, 0, 0),
    (50, 10_000, 4_000, 0, 0),
]
# Accounts that each mute lists. None of them fails.
MUTED = [str(900_000_000_001 + number) for number in range(100)]
CHAT = TOPIC.replace("digest", "chat")
BUS = f"arn:aws:events:{REGION}:{OWN}:event-bus/packwatch"
# Accounts with a name in AWS Organizations. A run looks up at most as many.
NAMED = 500


def measure(command, simulation):
    rows = []
    for packs, members, failing, length, mutes in SIZES:
        settings = {"CHAT_TOPIC_ARN": CHAT, "EVENT_BUS": BUS, "ACCOUNT_NAMES": "on"}
        with running(command, simulation, packs, members, failing, message_length=length, **settings) as program:
            organization = program.organization
            organization.change({"create_topic": CHAT}, {"create_event_bus": BUS})
            for number in range(NAMED):
                account = str(200_000_000_001 + number * members // NAMED)
                organization.change({"put_account": {"account": account, "name": f"workload {number}", "state": "ACTIVE"}})
            until = (datetime.date.today() + datetime.timedelta(days=300)).isoformat()
            for number in range(mutes):
                program.run(event={"mute": {"accounts": MUTED, "until": until, "reason": f"mute {number}"}})
            first = program.run()
            sizes = [f"{organization.size(key) / 1_000_000:.1f}" for key in ("latest.json", "ledger.json")]
            second = program.run()
            organization.fill(packs, members, 0)
            last = program.run()
        count, costs = packs * failing, (first, second, last)
        totals = [cost.response["totals"]["failures"] for cost in costs]
        assert totals == [count, count, 0], f"the runs found {totals} failures, expected {[count, count, 0]}"
        peaks = [f"{cost.peak:.1f}" for cost in costs]
        calls = " / ".join(f"{cost.calls():,}" for cost in costs)
        messages = f"{length:,} characters, all different" if length else "one"
        rows.append([f"{packs} x {members:,}", f"{count:,}", messages, str(mutes), *peaks, *sizes, calls])
        print(*rows[-1], sep=", ", flush=True)
    header = [
        "packs x members",
        "failing",
        "messages",
        "mutes",
        "first run",
        "next run",
        "all recovered",
        "snapshot",
        "ledger",
        "Config calls",
    ]
    print("\n" + table(header, rows))
    print(
        "\nPeak memory of three runs in one process with three receivers and account names, in MB of 1,048,576 bytes.\n"
        "Objects in S3, in MB of 1,000,000 bytes."
    )
    print(f"{machine()}.")

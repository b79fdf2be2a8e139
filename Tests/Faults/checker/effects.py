"""What came of records of the logs in inboxes and at gateways: only of those that count (15)."""

from .calls import place
from .evidence import Entry, Evidence
from .findings import Findings
from .rule import Reading


def check(evidence: Evidence, readings: dict[str, Reading], findings: Findings):
    counted = {ledger: reading.places() for ledger, reading in readings.items()}

    def look(source: dict | None, topic: str, entry: Entry):
        if source and source.get("ledger") in counted:
            findings.check(15, (source["partition"], source["offset"]) in counted[source["ledger"]], lambda: (
                f"{topic} {place(entry)} comes of {source['ledger']}.log {source['partition']}:{source['offset']}, "
                "which does not count"))

    for ledger, entries in evidence.inboxes.items():
        for entry in entries:
            look(entry.value.get("source"), f"{ledger}.inbox", entry)
    for entry in evidence.deliveries:
        for delivery in entry.value.get("entries") or ():
            look(delivery.get("source"), "gateway.deliveries", entry)


def check_questions(evidence: Evidence, reading: Reading, findings: Findings):
    """Every command in the inbox of calls that somebody waits for has left a record that counts, once each time."""
    def asker(record: dict) -> str | None:
        reply = record.get("reply")
        return None if reply is None else repr((reply["type"], sorted(reply["asker"].items(), key=str)))

    asked: dict[str, int] = {}
    for entry in evidence.inboxes["calls"]:
        if who := asker(entry.value):
            asked[who] = asked.get(who, 0) + 1
    answered: dict[str, int] = {}
    for entry in reading.counted:
        if who := asker(entry.value):
            answered[who] = answered.get(who, 0) + 1
    for who, times in asked.items():
        findings.check(14, answered.get(who, 0) == times, lambda: (
            f"{who} stands {times} times in the inbox and {answered.get(who, 0)} times in the log"))

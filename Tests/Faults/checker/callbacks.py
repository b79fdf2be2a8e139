"""The public topic and the records: every fact that owes an event has it (10), once and by the same bytes; the numbers of
a subject are a chain (9); one final record per call (12); and nothing comes of a record that does not count (15)."""

import json
from collections import Counter, defaultdict

from .calls import Call, place
from .evidence import Evidence
from .findings import Findings
from .rule import Reading

OWED_BY_CALLS = {
    "started": ["call.started"], "accepted": ["call.accepted"], "entered": ["call.member.joined"],
    "connected": ["call.connected"], "declined": ["call.declined"], "busied": ["call.busy"], "missed": ["call.missed"],
    "cancelled": ["call.cancelled"], "left": ["call.member.left"], "ended": ["call.ended", "call.log"],
}
OWED_BY_ROOMS = {
    "opened": ["room.created", "session.started"], "joined": ["room.joined"], "left": ["room.left"],
    "closed": ["session.ended", "room.destroyed"],
}
# An event of a user's device that is not known to be there has none, so these are looked at from the other side alone.
OWED_BY_USERS: dict[str, list[str]] = {"loggedIn": ["user.online"]}
OWED = {"calls": OWED_BY_CALLS, "rooms": OWED_BY_ROOMS, "users": OWED_BY_USERS}


def check(evidence: Evidence, readings: dict[str, Reading], calls: dict[str, Call], findings: Findings):
    counted = {ledger: reading.places() for ledger, reading in readings.items()}
    events: dict[str, bytes] = {}
    first: list[dict] = []
    there: Counter = Counter()
    for entry in sorted(evidence.callbacks, key=lambda entry: (entry.partition, entry.offset)):
        event, ledger = entry.value, entry.headers["source-topic"].split(".")[1]
        offset = int(entry.headers["source-offset"])
        findings.check(15, (entry.partition, offset) in counted[ledger], lambda: (
            f"callback {event['type']} {event['id']} comes of {ledger}.log {entry.partition}:{offset}, which does not count"))
        body = entry.bytes or json.dumps(event, sort_keys=True).encode()
        if event["id"] in events:
            findings.remark("callbacks that stand there twice")
            findings.check(10, events[event["id"]] == body, f"callback {event['id']} has two bodies")
            continue
        events[event["id"]] = body
        first.append(event)
        there[ledger, entry.partition, offset, event["type"]] += 1
    _check_owed(readings, there, findings)
    _check_chains(first, findings)
    _check_endings(first, calls, findings)
    _check_records(evidence, calls, findings)


def _check_owed(readings: dict[str, Reading], there: Counter, findings: Findings):
    for ledger, reading in readings.items():
        for entry in reading.counted:
            owed: Counter = Counter()
            for fact in entry.value.get("facts") or ():
                fact = fact.get("user") or fact
                owed.update(OWED[ledger].get(fact.get("fact", ""), ()) if isinstance(fact, dict) else ())
            for type, times in owed.items():
                has = there[ledger, entry.partition, entry.offset, type]
                findings.check(10, has == times, lambda: (
                    f"{type} of {entry.key}, {ledger}.log {place(entry)}, is there {has} times"))


def _check_chains(events: list[dict], findings: Findings):
    last: dict[str, int] = {}
    for event in events:
        subject, number = event["subject"], int(event["sequence"])
        before = int(event.get("prevsequence", 0))
        # Rooms and users are forgotten when they are empty, and begin anew.
        begins_anew = before == 0 and not subject.startswith("calls/")
        findings.check(9, before == last.get(subject, 0) or begins_anew, lambda: (
            f"{event['type']} {number} of {subject} says that {before} came before it, and {last.get(subject, 0)} did"))
        findings.check(9, number > last.get(subject, 0), lambda: (
            f"{event['type']} of {subject} has number {number} behind {last.get(subject, 0)}"))
        last[subject] = number


def _check_endings(events: list[dict], calls: dict[str, Call], findings: Findings):
    ends: dict[str, Counter] = defaultdict(Counter)
    for event in events:
        if event["type"] in ("call.ended", "call.merged", "call.log"):
            ends[event["subject"].partition("/")[2]][event["type"]] += 1
    for call in calls.values():
        if call.ended_at is None:
            continue
        told = ends[call.id]
        terminal = told["call.ended"] + told["call.merged"]
        findings.check(2, terminal == 1, f"call {call.id} has {terminal} terminal callbacks")
        findings.check(12, told["call.log"] == told["call.ended"], f"call {call.id} has {told['call.log']} final records")


def _check_records(evidence: Evidence, calls: dict[str, Call], findings: Findings):
    """One record per user and call; performed again by a new owner it may stand there again, the same."""
    records: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for entry in evidence.records:
        text = entry.bytes or json.dumps(entry.value, sort_keys=True).encode()
        records[entry.value["callId"], entry.key].append(text)
    users: dict[str, int] = defaultdict(int)
    for (call, key), texts in records.items():
        users[call] += 1
        if len(texts) > 1:
            findings.remark("records of calls that stand there twice", len(texts) - 1)
        findings.check(12, len(set(texts)) == 1, f"call {call} has {len(set(texts))} different records for {key}")
        findings.check(12, call in calls and calls[call].ended_at is not None, f"call {call} has a record and no end")
    for call in calls.values():
        if call.ended_at is not None and call.started_at is not None:
            findings.check(12, users[call.id] == 2, f"call {call.id} has records for {users[call.id]} of its two users")

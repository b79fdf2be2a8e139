"""The log of calls, folded: winners (1), ends (2), numbers (9), and accepts against the timer (20)."""

from dataclasses import dataclass, field

from .evidence import Entry, Evidence
from .findings import Findings
from .rule import Reading

ANSWERED_TOO_LATE_MS = 10_000  # a command appended so long after its gateway took it is refused
LAST_MOMENT_MS = 500

# A device that was away comes back and is told how it ended; that changes nothing of the call.
MAY_FOLLOW_THE_END = ("returned",)


@dataclass
class Call:
    """A call as its counted facts tell it; times are the append times of the records, in milliseconds."""
    key: str
    facts: list[tuple[int, dict]] = field(default_factory=list)  # append time, fact; the sequence is its place, from 1
    accepted: dict[str, str] = field(default_factory=dict)       # user → device
    started_at: int | None = None
    expires_at: int | None = None
    accepted_at: int | None = None
    connected_at: int | None = None
    ended_at: int | None = None
    missed_at: int | None = None

    @property
    def id(self) -> str:
        return self.key.partition("/")[2]

    def fact(self, sequence: int) -> dict | None:
        return self.facts[sequence - 1][1] if 1 <= sequence <= len(self.facts) else None


def fold(reading: Reading, findings: Findings) -> dict[str, Call]:
    """By CallID."""
    calls: dict[str, Call] = {}
    for entry in reading.counted:
        facts = entry.value.get("facts") or []
        if facts:
            call = calls.setdefault(entry.key, Call(entry.key))
            _number(call, entry, facts, findings)
            for fact in facts:
                _apply(call, fact, entry, findings)
    for call in calls.values():
        if call.started_at is not None:
            findings.check(2, call.ended_at is not None, f"call {call.id} has no terminal fact")
    return {call.id: call for call in calls.values()}


def _number(call: Call, entry: Entry, facts: list[dict], findings: Findings):
    expected = len(call.facts) + 1
    findings.check(9, entry.value.get("sequence") == expected, lambda: (
        f"call {call.id}: fact {facts[0].get('fact')} at {place(entry)} has number {entry.value.get('sequence')}, "
        f"not {expected}"))


def _apply(call: Call, fact: dict, entry: Entry, findings: Findings):
    name = fact["fact"]
    findings.check(2, call.ended_at is None or name in MAY_FOLLOW_THE_END, lambda: f"call {call.id}: {name} at {place(entry)} follows its end")
    call.facts.append((entry.at, fact))
    if name == "started":
        call.started_at, call.expires_at = entry.at, fact["expiresAt"]
    elif name == "accepted":
        winner = call.accepted.setdefault(fact["userId"], fact["device"]["deviceId"])
        findings.check(1, call.accepted_at is None or winner == fact["device"]["deviceId"], lambda: (
            f"call {call.id}: {fact['userId']} was answered by {winner} and by {fact['device']['deviceId']}"))
        call.accepted_at = call.accepted_at or entry.at
    elif name == "connected":
        call.connected_at = entry.at
    elif name == "missed":
        call.missed_at = entry.at
    elif name == "ended":
        call.ended_at = entry.at


@dataclass
class LastMoments:
    """Accepts near the end of a ring, and those that were decided behind it though they were in time. Append times of the
    deciding records, in milliseconds, and numbers of calls."""
    before: int = 0
    behind: int = 0
    late: list[int] = field(default_factory=list)

    @staticmethod
    def of(calls: dict[str, Call], evidence: Evidence) -> "LastMoments":
        found, accepts = LastMoments(), accepts_of(evidence)
        for call in calls.values():
            if call.expires_at is None:
                continue
            gaps = [call.expires_at - a.at for a in accepts.get(call.id, ())]
            found.before += any(0 < gap <= LAST_MOMENT_MS for gap in gaps)
            found.behind += any(-LAST_MOMENT_MS <= gap <= 0 for gap in gaps)
            if call.accepted_at is not None and call.accepted_at > call.expires_at and any(gap > 0 for gap in gaps):
                found.late.append(call.accepted_at)
        return found


def accepts_of(evidence: Evidence) -> dict[str, list[Entry]]:
    """By CallID: accepts in the inbox, those that were young enough there to count."""
    accepts: dict[str, list[Entry]] = {}
    for entry in evidence.inboxes["calls"]:
        record = entry.value
        if (record.get("input") or {}).get("type") != "accept":
            continue
        sent = record.get("sentAt")
        if sent is None or entry.at - sent < ANSWERED_TOO_LATE_MS:
            accepts.setdefault(entry.key.partition("/")[2], []).append(entry)
    return accepts


def check_timer(calls: dict[str, Call], evidence: Evidence, findings: Findings):
    """A missed call must have no accept in its inbox that was appended in time, and young enough to count."""
    accepts = accepts_of(evidence)
    for call in calls.values():
        in_time = [a for a in accepts.get(call.id, ()) if call.expires_at is not None and a.at < call.expires_at]
        if in_time or call.missed_at is not None:
            findings.check(20, call.missed_at is None or not in_time, lambda: (
                f"call {call.id} was missed although an accept came {call.expires_at - in_time[0].at} ms before its "
                f"expiresAt, at {place(in_time[0])} of the inbox"))
    moments = LastMoments.of(calls, evidence)
    for what, times in (("just before", moments.before), ("just behind", moments.behind)):
        findings.remark(f"calls with an accept in the inbox {what} expiresAt", times)
    findings.remark("accepts in time that were decided behind expiresAt", len(moments.late))


def place(entry: Entry) -> str:
    return f"{entry.partition}:{entry.offset}"

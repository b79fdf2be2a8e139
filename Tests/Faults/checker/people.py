"""What people heard: rings against their time (5), one end for each device that rang (23), and nothing that the log does
not say (15)."""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field

from .calls import Call
from .evidence import Evidence
from .findings import Findings

RING_OVER_SECONDS = 1.0
# Whoever is connected is told within this, whatever is down meanwhile; of who was not connected for so long behind an end
# nothing is asked. One that is connected as the history closes has been there for a while: the run had come to rest.
TOLD_WITHIN_SECONDS = 60.0
AT_REST_SECONDS = 5.0
STOPS = ("call.ended", "call.merged", "call.expired", "call.connected")
ENDS = ("call.ended", "call.merged")
TOLD_OF = {
    "call.received": ("started", "rung"), "call.snapshot": ("returned",), "call.connected": ("connected",),
    "call.user.connection": ("lost", "returned", "rejoined"), "media.state": ("mediaChanged",),
    "call.ended": ("ended", "accepted", "returned"),
}


@dataclass
class Ringing:
    """One device and one call."""
    since: float | None = None         # rings now, since then
    expires_at: float = 0.0
    first: float = 0.0
    ends: set[int] = field(default_factory=set)


@dataclass
class Presence:
    """When a device had a connection; the open one has no end."""
    spans: list[list[float | None]] = field(default_factory=list)

    def stayed(self, behind: float, closes: float) -> bool:
        """Over one connection, long enough to be told what was so at `behind`, whenever that connection began."""
        for begun, end in self.spans:
            since = max(begun, behind)
            if end is None or end > closes - AT_REST_SECONDS:
                if since + AT_REST_SECONDS < closes:
                    return True
            elif since + TOLD_WITHIN_SECONDS < end:
                return True
        return False


def check(evidence: Evidence, calls: dict[str, Call], findings: Findings):
    lags = [(line["at"] - line["seconds"], line["at"], line["seconds"]) for line in evidence.history if line["what"] == "lag"]
    rings: dict[tuple[str, str], Ringing] = defaultdict(Ringing)
    presence: dict[str, Presence] = defaultdict(Presence)
    asked: dict[tuple[str, int, str], dict] = {}

    def stops(who: str, call: str, at: float):
        ring = rings.get((who, call))
        if ring and ring.since is not None:
            late = at - ring.expires_at
            findings.check(5, late <= RING_OVER_SECONDS + lag_at(lags, ring.expires_at, at), lambda: (
                f"{who} rang for call {call} until {late:.2f} s past its expiresAt"))
            ring.since = None

    for line in evidence.history:
        who, at, what = line.get("who"), line["at"], line["what"]
        if what == "open":
            presence[who].spans.append([at, None])
        elif what == "lost":
            presence[who].spans[-1][1] = at
            for (device, _), ring in rings.items():
                if device == who:
                    ring.since = None  # no one can tell it anything; its own clock stops it
        elif what == "out" and line["frame"]["type"] in ("call.accept", "call.end"):
            asked[who, line["line"], line["frame"]["id"]] = line["frame"]
        elif what == "in":
            frame = line["frame"]
            data = frame.get("data") or {}
            if "re" in frame:
                request = asked.get((who, line["line"], frame["re"]))
                if request and frame.get("code") in (0, 81001):
                    stops(who, request["data"].get("callId"), at)
                continue
            call = data.get("callId") or (data.get("roomId") if "seq" in frame else None)
            if call is None:
                continue
            if frame["type"] == "call.received":
                ring = rings[who, call]
                ring.first = ring.first or at
                ring.since, ring.expires_at = at, data["expiresAt"] / 1000
                late = at - ring.expires_at
                findings.check(5, late <= RING_OVER_SECONDS + lag_at(lags, ring.expires_at, at), lambda: (
                    f"{who} began to ring for call {call} {late:.2f} s past its expiresAt"))
            elif frame["type"] in STOPS:
                stops(who, call, at)
            if frame["type"] in ENDS and (who, call) in rings:
                rings[who, call].ends.add(frame.get("seq") or 0)
            _agrees(who, frame, call, calls, findings)
    closes = evidence.history[-1]["at"] if evidence.history else 0.0
    for (who, call), ring in rings.items():
        if ring.since is not None and closes > ring.expires_at:
            stops(who, call, closes)
        _check_ends(who, calls.get(call), ring, presence[who], closes, findings)


def _agrees(who: str, frame: dict, call: str, calls: dict[str, Call], findings: Findings):
    seq = frame.get("seq")
    if seq is None:
        return
    fact = calls[call].fact(seq) if call in calls else None
    says = TOLD_OF.get(frame["type"])
    findings.check(15, fact is not None and (says is None or fact["fact"] in says), lambda: (
        f"{who} was told {frame['type']} {seq} of call {call}, where the log has {fact and fact['fact']}"))


def _check_ends(
        who: str, call: Call | None, ring: Ringing, presence: Presence, closes: float, findings: Findings):
    if call is None or call.ended_at is None:
        return
    device = who.partition("/")[2]
    user = who.partition("/")[0]
    # Who lost to another device of its user was told at the accept; all others at the end of the call.
    lost = user in call.accepted and call.accepted[user] != device
    verdict = (call.accepted_at if lost and ring.first * 1000 <= call.accepted_at else call.ended_at) / 1000
    if not ring.ends and not presence.stayed(verdict, closes):
        findings.remark("devices that never stayed long enough to be told a ring's end")
        return
    findings.check(23, len(ring.ends) == 1, lambda: f"{who} rang for call {call.id} and was told {len(ring.ends)} ends")


def lag_at(lags: list[tuple[float, float, float]], begun: float, ended: float) -> float:
    """How late the process that heard may have been between the two."""
    place = bisect_left(lags, (begun,))
    worst = 0.0
    for since, until, seconds in lags[max(0, place - 1):]:
        if since > ended:
            break
        if until >= begun:
            worst = max(worst, seconds)
    return worst

"""How many calls were where at a moment, by the log; and how long clients waited, by their histories."""

import math
from dataclasses import dataclass

from .calls import Call
from .commands import TRY_AGAIN
from .evidence import Evidence


@dataclass
class Census:
    in_flight: int
    ringing: int
    connecting: int


def at(moment: float, calls: dict[str, Call], accepts: dict[str, float] | None = None) -> Census:
    """`moment` in seconds. Connecting: the answer stands in the log, and not yet that both are inside. With `accepts`,
    which say when each call's first accept was sent, it connects from then on: for a moment between sending and deciding."""
    now = moment * 1000
    sent = accepts or {}
    live = [c for c in calls.values()
            if c.started_at is not None and c.started_at <= now and (c.ended_at is None or c.ended_at > now)]
    answered = [c for c in live
                if c.accepted_at is not None and c.accepted_at <= now or sent.get(c.id, math.inf) <= moment]
    return Census(
        len(live), len(live) - len(answered),
        sum(1 for c in answered if c.connected_at is None or c.connected_at > now))


def accepts_sent(evidence: Evidence) -> dict[str, float]:
    """When the first accept of each call was sent, in seconds."""
    sent: dict[str, float] = {}
    for line in evidence.history:
        if line["what"] == "out" and line["frame"]["type"] == "call.accept":
            sent.setdefault(line["frame"]["data"]["callId"], line["at"])
    return sent


def moments(evidence: Evidence, calls: dict[str, Call]) -> list[tuple[str, Census]]:
    """Of each stroke that was to fall in a full moment."""
    sent = accepts_sent(evidence)
    return [(line["name"], at(line["at"], calls, sent if line.get("by_sent") else None))
            for line in evidence.history if line["what"] == "fault"]


@dataclass
class Patience:
    """Of requests with a `cmd`: first sent to really answered."""
    requests: int = 0
    shrugs: int = 0
    unanswered: int = 0
    median: float = 0.0
    longest: float = 0.0


def patience(evidence: Evidence) -> Patience:
    begun: dict[tuple[str, str], float] = {}
    asked: dict[tuple[str, int, str], str] = {}
    took: dict[tuple[str, str], float] = {}
    found = Patience()
    for line in evidence.history:
        frame = line.get("frame") or {}
        if line["what"] == "out" and "cmd" in frame:
            begun.setdefault((line["who"], frame["cmd"]), line["at"])
            asked[line["who"], line["line"], frame["id"]] = frame["cmd"]
        elif line["what"] == "in" and "re" in frame:
            command = asked.get((line["who"], line["line"], frame["re"]))
            if command is None:
                continue
            if frame.get("code") == TRY_AGAIN:
                found.shrugs += 1
            else:
                key = (line["who"], command)
                took.setdefault(key, line["at"] - begun[key])
    all = sorted(took.values())
    found.requests, found.unanswered = len(begun), len(begun) - len(all)
    if all:
        found.median, found.longest = all[len(all) // 2], all[-1]
    return found

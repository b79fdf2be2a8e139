"""The mirror in Redis against the logs: who is inside a room (7), who is connected and busy (16).

A mirror is right where each hash is what its log says, folded up to some record. It may be behind for a while: its owner
writes when the log has acknowledged, and may be held up in between. It may be wrong, or gone, for the seconds that its
owner needs to see that Redis has lost something. At rest it is what the whole log says, and who is shown as connected is
who has an open socket."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache

from .evidence import Evidence, Look
from .findings import Findings
from .mirrored import Change, changes
from .rule import Reading

MIRRORED = {"users": 16, "rooms": 7}
STAMP, FILLING = "#", "~"
# Promised: after any loss it is whole again within this. A moment's glimpse is no proof: it is seen so often in a row.
WHOLE_WITHIN_SECONDS = 10.0
WRONG_LOOKS_MIN = 4
# Longer than a broker or an owner is held up by any fault between a record and its acknowledgement.
BEHIND_MAX_SECONDS = 60.0
# A record younger than this need not be shown yet, for nobody to be behind.
FRESH_SECONDS = 1.0
# Redis may show a record that the broker's clock puts a little later.
AHEAD_SECONDS = 0.5
NAMED_MAX = 5
SEEN_LIVE = "looks that found calls under way, and every hash right"


@dataclass
class Shade:
    """One partition's hash on its way through the looks."""
    ledger: str
    partition: int
    changes: list[Change]
    reached: int = 0                                     # changes that it has been seen to show
    state: dict[str, dict] = field(default_factory=dict)  # and what they come to
    wrong: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"the mirror of {self.ledger} {self.partition}"


def check(evidence: Evidence, readings: dict[str, Reading], findings: Findings):
    if not evidence.looks:
        return
    logs = {ledger: changes(ledger, readings[ledger]) for ledger in MIRRORED}
    places = {place for look in evidence.looks for place in look.hashes or ()}
    shades = [Shade(ledger, partition, logs[ledger].get(partition, [])) for ledger, partition in sorted(places)]
    longest: dict[str, float] = defaultdict(float)
    for look in evidence.looks:
        for shade in shades:
            if look.hashes is None:
                shade.wrong = []
            else:
                _see(shade, look, longest, findings)
        if look.hashes is not None and not any(shade.wrong for shade in shades):
            findings.remark(SEEN_LIVE, any(shade.ledger == "rooms" and shade.state for shade in shades))
    last = evidence.looks[-1]
    findings.check(16, last.is_last and last.hashes is not None, "Redis could not be looked at when all was at rest")
    if last.hashes is not None:
        _check_sockets(last, evidence.history, findings)
    findings.remark("looks at the mirror", sum(1 for look in evidence.looks if look.hashes is not None))
    for what, seconds in longest.items():
        findings.remark(f"ms that it was {what} at most", round(seconds * 1000))


def _see(shade: Shade, look: Look, longest: dict[str, float], findings: Findings):
    number = MIRRORED[shade.ledger]
    shown = read(look.hashes.get((shade.ledger, shade.partition)) or {})
    due = sum(1 for change in shade.changes if change.at <= (look.at - FRESH_SECONDS) * 1000)
    found = None if shown is None else _match(shade, shown, (look.at + AHEAD_SECONDS) * 1000)
    if found is None:
        shade.wrong.append(look.at)
        seconds = look.at - shade.wrong[0]
        longest["wrong or gone"] = max(longest["wrong or gone"], seconds)
        is_overdue = seconds > WHOLE_WITHIN_SECONDS and len(shade.wrong) >= WRONG_LOOKS_MIN
        findings.check(number, not is_overdue and not look.is_last, lambda: (
            f"{shade.name} has been wrong for {seconds:.1f} s: {_differences(shown, _state_at(shade, due))}"))
        return
    shade.wrong = []
    _advance(shade, found)
    if found >= due:
        findings.check(number, True, "")
        return
    seconds = look.at - shade.changes[found].at / 1000  # since the first record that it lacks
    longest["behind"] = max(longest["behind"], seconds)
    findings.check(number, seconds <= BEHIND_MAX_SECONDS and not look.is_last, lambda: (
        f"{shade.name} is {seconds:.1f} s behind its log: {_differences(shown, _state_at(shade, due))}"))


def read(hash: dict[str, str]) -> dict[str, dict] | None:
    """Values by key; nothing where there is no stamp, or it is being filled: then nobody takes it for what is."""
    if STAMP not in hash or FILLING in hash:
        return None
    return {key: _parsed(text) for key, text in hash.items() if key != STAMP}


@lru_cache(maxsize=1 << 14)
def _parsed(text: str) -> dict:
    try:
        value = json.loads(text)
    except ValueError:
        return {"unreadable": text}
    if "sessionId" in value:
        return value | {"members": value.get("members") or []}
    devices = value.pop("devices", None) or []
    profile = (value.pop("profile", None) or {}) if devices else value.pop("profile", None)
    return {"devices": devices, "profile": profile, "busy": value.pop("busy", None)} | value


def _match(shade: Shade, shown: dict[str, dict], until: float) -> int | None:
    """How many changes it shows: the most that fit, no fewer than before."""
    state = dict(shade.state)
    wrong = {key for key in state.keys() | shown.keys() if state.get(key) != shown.get(key)}
    found = shade.reached if not wrong else None
    for count in range(shade.reached, len(shade.changes)):
        change = shade.changes[count]
        if change.at > until:
            break
        _apply(state, change)
        if state.get(change.key) == shown.get(change.key):
            wrong.discard(change.key)
        else:
            wrong.add(change.key)
        if not wrong:
            found = count + 1
    return found


def _advance(shade: Shade, count: int):
    for change in shade.changes[shade.reached:count]:
        _apply(shade.state, change)
    shade.reached = count


def _state_at(shade: Shade, count: int) -> dict[str, dict]:
    state: dict[str, dict] = {}
    for change in shade.changes[:count]:
        _apply(state, change)
    return state


def _apply(state: dict[str, dict], change: Change):
    if change.value is None:
        state.pop(change.key, None)
    else:
        state[change.key] = change.value


def _differences(shown: dict[str, dict] | None, logged: dict[str, dict]) -> str:
    if shown is None:
        return f"it has no stamp, and {len(logged)} are in the log"
    texts = [f"{key} is {json.dumps(shown.get(key))} in Redis and {json.dumps(logged.get(key))} in the log"
             for key in sorted(shown.keys() | logged.keys()) if shown.get(key) != logged.get(key)]
    more = f"; and {len(texts) - NAMED_MAX} more" if len(texts) > NAMED_MAX else ""
    return "; ".join(texts[:NAMED_MAX]) + more


def _check_sockets(look: Look, history: list[dict], findings: Findings):
    """Who is shown as connected, by the clients' own account."""
    open_now: set[str] = set()
    for line in history:
        if line["at"] > look.at:
            break
        if line["what"] == "open":
            open_now.add(line["who"])
        elif line["what"] == "lost":
            open_now.discard(line["who"])
    shown = {
        f"{key.partition('/')[2]}/{device['deviceId']}"
        for (ledger, _), hash in look.hashes.items() if ledger == "users"
        for key, value in (read(hash) or {}).items() for device in value.get("devices", ())}
    for who in sorted(shown | open_now):
        findings.check(16, (who in shown) == (who in open_now), lambda: (
            f"at rest {who} is {'shown' if who in shown else 'not shown'} as connected, and has "
            f"{'an open socket' if who in open_now else 'none'}"))

"""Whether a fault did something. Each writes into the history what it must have left behind, as it strikes or after it; what
is not found is no broken invariant, but the run proves nothing.

    owes   kind, and what goes with it; `at` as always, and what is looked for stands behind `since` (seconds)
"""

from dataclasses import dataclass

from .calls import Call, LastMoments
from .evidence import LEDGERS, Entry, Evidence
from .rule import Reading

TOLD_OF_DISORDER_SECONDS = 0.05


@dataclass
class Bites:
    found: list[str]
    missing: list[str]


def look(evidence: Evidence, readings: dict[str, Reading], calls: dict[str, Call]) -> Bites:
    bites = Bites([], [])
    for owed in evidence.history:
        if owed["what"] != "owes":
            continue
        holds, text = LOOKS[owed["kind"]](owed, evidence, readings, calls)
        (bites.found if holds else bites.missing).append(text)
    return bites


def taken_over(owed: dict, evidence: Evidence, readings: dict[str, Reading], calls: dict[str, Call]) -> tuple[bool, str]:
    """Each of these partitions has a marker of another incarnation, between `since` and the note itself."""
    since, until = owed["since"] * 1000, owed["at"] * 1000
    got: set[int] = set()
    ruling: dict[int, str] = {}
    for entry in evidence.logs[owed["ledger"]]:
        if entry.value.get("kind") != "marker":
            continue
        before = ruling.get(entry.partition)
        ruling[entry.partition] = entry.value["incarnation"]
        # An owner that renews its own marker rules on.
        if since <= entry.at <= until and before != entry.value["incarnation"] and not entry.value.get("renews"):
            got.add(entry.partition)
    left = sorted(set(owed["partitions"]) - got)
    return bool(owed["partitions"]) and not left, (
        f"{owed['ledger']}.log: {len(owed['partitions'])} partitions of {owed['whose']}, "
        f"{len(owed['partitions']) - len(left)} with a marker of another incarnation within {until - since:.0f} ms"
        + (f"; none in {left}" if left else ""))


def decided_late(owed: dict, evidence: Evidence, readings: dict[str, Reading], calls: dict[str, Call]) -> tuple[bool, str]:
    """Accepts in time whose records were appended behind `expiresAt`, between `since` and the note itself."""
    late = sum(owed["since"] <= at / 1000 <= owed["at"] for at in LastMoments.of(calls, evidence).late)
    return late > 0, f"{late} accepts in time were decided behind expiresAt"


def doubled(owed: dict, evidence: Evidence, readings: dict[str, Reading], calls: dict[str, Call]) -> tuple[bool, str]:
    count = 0
    for entries in evidence.inboxes.values():
        seen: set[tuple] = set()
        for entry in entries:
            count += content(entry) in seen
            seen.add(content(entry))
    return count >= owed["least"], f"{count} inbox records stand there twice (at least {owed['least']})"


def disordered(owed: dict, evidence: Evidence, readings: dict[str, Reading], calls: dict[str, Call]) -> tuple[bool, str]:
    """Commands that stand, for the first time, behind one that a client sent so much later; some of them may be of one call.
    By less than that two gateways differ at any time."""
    sent: dict[str, float] = {}
    for line in evidence.history:
        if line["what"] == "out" and "cmd" in line["frame"]:
            sent.setdefault(f"{line['who']}/{line['frame']['cmd']}", line["at"])
    count = in_call = 0
    for ledger in LEDGERS:
        seen: set[str] = set()
        newest: dict[int, float] = {}
        newest_of: dict[str, float] = {}
        for entry in evidence.inboxes[ledger]:
            command = (entry.value.get("command") or "").partition("/")[2]
            if command in seen or command not in sent:
                continue
            seen.add(command)
            at = sent[command]
            if entry.at >= owed["since"] * 1000:
                count += at + TOLD_OF_DISORDER_SECONDS < newest.get(entry.partition, 0.0)
                in_call += at + TOLD_OF_DISORDER_SECONDS < newest_of.get(entry.key, 0.0)
            newest[entry.partition] = max(at, newest.get(entry.partition, 0.0))
            newest_of[entry.key] = max(at, newest_of.get(entry.key, 0.0))
    return count >= owed["least"], (
        f"{count} commands stand behind one of their partition that was sent more than "
        f"{TOLD_OF_DISORDER_SECONDS * 1000:g} ms later (at least {owed['least']}), {in_call} behind one of their own call")


def lagged(owed: dict, evidence: Evidence, readings: dict[str, Reading], calls: dict[str, Call]) -> tuple[bool, str]:
    """The reader was so far behind: from a record's append to that of the callback that comes of it."""
    appended = {(ledger, entry.partition, entry.offset): entry.at
                for ledger, reading in readings.items() for entry in reading.counted}
    longest = 0.0
    for entry in evidence.callbacks:
        source = (entry.headers["source-topic"].split(".")[1], entry.partition, int(entry.headers["source-offset"]))
        longest = max(longest, (entry.at - appended.get(source, entry.at)) / 1000)
    return longest >= owed["seconds"], (
        f"callbacks came up to {longest:.1f} s behind their records (at least {owed['seconds']:g} s)")


def seen(owed: dict, evidence: Evidence, readings: dict[str, Reading], calls: dict[str, Call]) -> tuple[bool, str]:
    """Counted while it ran, where the logs do not tell it."""
    return owed["has"] >= owed["least"], f"{owed['text']}: {owed['has']} (at least {owed['least']})"


LOOKS = {
    "takeover": taken_over, "decided late": decided_late, "doubled": doubled, "disordered": disordered,
    "lag": lagged, "seen": seen,
}


def content(entry: Entry) -> tuple:
    return entry.partition, entry.key, entry.bytes or repr(entry.value)

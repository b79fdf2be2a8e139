"""Commands: one effect in the log, one answer at the client (14); and nothing is told that was not remembered (15)."""

from collections import defaultdict

from .evidence import Evidence
from .findings import Findings
from .rule import Reading

TRY_AGAIN = 50300  # a shrug, not an answer
# Facts that answer the same command again, and change nothing.
ANSWER_ONLY = ("synced",)
DECIDED_BY_CALLS = ("call.start", "call.accept", "call.end", "call.ringing", "call.sync", "media.state", "media.reset")


def check_effects(readings: dict[str, Reading], findings: Findings) -> set[str]:
    """The commands that stand in a log as taken."""
    taken: set[str] = set()
    for ledger, reading in readings.items():
        effects: dict[str, int] = defaultdict(int)
        for entry in reading.counted:
            record = entry.value
            command = record.get("command")
            if command is None:
                continue
            if record.get("kind") == "facts":
                taken.add(command)
            if any(_name(fact) not in ANSWER_ONLY for fact in record.get("facts") or ()):
                effects[command] += 1
        for command, times in effects.items():
            findings.check(14, times == 1, f"{command} had its effect {times} times in {ledger}.log")
    return taken


def _name(fact: dict) -> str:
    inner = fact.get("user") or fact.get("gateway") or fact
    return (inner if isinstance(inner, dict) else fact).get("fact", "")


def check_answers(evidence: Evidence, taken: set[str], findings: Findings):
    asked: dict[tuple[str, int, str], dict] = {}
    answers: dict[tuple[str, str], list[dict]] = defaultdict(list)
    types: dict[tuple[str, str], str] = {}
    for line in evidence.history:
        frame = line.get("frame") or {}
        if line["what"] == "out" and "cmd" in frame:
            asked[line["who"], line["line"], frame["id"]] = frame
            types[line["who"], frame["cmd"]] = frame["type"]
        elif line["what"] == "in" and "re" in frame:
            request = asked.get((line["who"], line["line"], frame["re"]))
            if request and frame.get("code") != TRY_AGAIN:
                answers[line["who"], request["cmd"]].append(frame)
    taken = {command.partition("/")[2] if command.count("/") > 2 else command for command in taken}
    for (who, command), frames in answers.items():
        told = {(frame.get("code"), (frame.get("data") or {}).get("callId")) for frame in frames}
        findings.check(14, len(told) == 1, lambda: (
            f"{who}: {types[who, command]} {command} was answered {sorted(map(str, told))}"))
        if frames[0].get("code") == 0 and types[who, command] in DECIDED_BY_CALLS:
            findings.check(15, f"{who}/{command}" in taken, lambda: (
                f"{who}: {types[who, command]} {command} was answered 0, and no record that counts knows it"))

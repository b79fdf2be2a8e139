"""All looks, one after the other."""

from dataclasses import dataclass

from . import bite, callbacks, calls, commands, effects, mirror, people, rooms
from .evidence import LEDGERS, Evidence
from .findings import Findings
from .rule import Reading, read


@dataclass
class Judgement:
    findings: Findings
    readings: dict[str, Reading]
    calls: dict[str, calls.Call]
    bites: bite.Bites


def judge(evidence: Evidence) -> Judgement:
    findings = Findings()
    readings = {name: read(evidence.logs[name]) for name in LEDGERS}
    for name, reading in readings.items():
        findings.check(15, not reading.unreadable, f"{name}.log: {reading.unreadable} records that are of no incarnation")
    folded = calls.fold(readings["calls"], findings)
    calls.check_timer(folded, evidence, findings)
    taken = commands.check_effects(readings, findings)
    commands.check_answers(evidence, taken, findings)
    rooms.check_rooms(readings["rooms"], findings)
    rooms.check_seats(readings["users"], findings)
    callbacks.check(evidence, readings, folded, findings)
    effects.check(evidence, readings, findings)
    effects.check_questions(evidence, readings["calls"], findings)
    people.check(evidence, folded, findings)
    mirror.check(evidence, readings, findings)
    return Judgement(findings, readings, folded, bite.look(evidence, readings, folded))

"""What readers of callbacks were told of calls that all go alike, on the topic and by webhook, held against the contract."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from .webhook_reader import Arrival

# Of a call of two that is answered, and ended by one who leaves it; and of the room that is opened for it.
OWED = {
    "calls": Counter({
        "call.started": 1, "call.ringing": 1, "call.accepted": 1, "call.member.joined": 2, "call.connected": 1,
        "call.member.left": 1, "call.ended": 1, "call.log": 1}),
    "rooms": Counter({
        "room.created": 1, "session.started": 1, "room.joined": 2, "room.left": 2, "session.ended": 1, "room.destroyed": 1}),
}
PROBLEMS_TOLD = 3


@dataclass
class Findings:
    problems: list[str] = field(default_factory=list)
    missing: int = 0
    repeats: int = 0

    def add(self, what: str, found: list[str]) -> None:
        """One line for many of a kind, with the first of them."""
        if found:
            self.problems.append(f"{what}, {len(found)} times: {'; '.join(found[:PROBLEMS_TOLD])}")


@dataclass
class Topic:
    """Events by id, in the order in which they stand there first."""
    texts: dict[str, str] = field(default_factory=dict)
    events: dict[str, dict] = field(default_factory=dict)
    repeats: int = 0
    changed: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, lines: list[str]) -> "Topic":
        topic = cls()
        for line in lines:
            event = json.loads(line)
            identity = event["id"]
            if identity in topic.texts:
                topic.repeats += 1
                if topic.texts[identity] != line:
                    topic.changed.append(identity)
                continue
            topic.texts[identity], topic.events[identity] = line, event
        return topic

    def check(self, calls: set[str]) -> Findings:
        """`calls`: those that were decided. Each has all that it is owed, and so has its room; nobody else has."""
        findings = Findings(repeats=self.repeats)
        findings.add("on the topic an id has other bytes", self.changed)
        told: dict[str, Counter] = defaultdict(Counter)
        for event in self.events.values():
            told[event["subject"]][event["type"]] += 1
        strange = {subject for subject in told if subject.startswith("calls/")} - {f"calls/{call}" for call in calls}
        findings.add("the topic tells of a call that nobody decided", sorted(strange))
        wrong = []
        for call in calls:
            for kind, owed in OWED.items():
                has = told[f"{kind}/{call}"]
                findings.missing += (owed - has).total()
                if has != owed:
                    wrong.append(f"{kind}/{call} lacks {dict(owed - has)}, has {dict(has - owed)} too much")
        findings.add("on the topic a call has not what it is owed", wrong)
        findings.add("on the topic events are out of sequence", out_of_sequence(self.events.values()))
        return findings

    def check_webhooks(self, arrivals: dict[str, Arrival]) -> Findings:
        """Each event of a call has arrived, by the bytes of the topic however often; each call's in their order."""
        findings = Findings(repeats=sum(arrival.repeats for arrival in arrivals.values()))
        owed = {identity for identity, event in self.events.items() if event["subject"].startswith("calls/")}
        missing = sorted(owed - arrivals.keys())
        findings.missing = len(missing)
        findings.add("a webhook never came", missing)
        findings.add("a webhook came that is not on the topic", sorted(arrivals.keys() - self.texts.keys()))
        findings.add("a webhook has other bytes than the topic", [
            identity for identity, arrival in arrivals.items()
            if identity in self.texts and arrival.body.decode(errors="replace") != self.texts[identity]])
        findings.add("a webhook came again with other bytes", [i for i, arrival in arrivals.items() if arrival.others])
        findings.add("a webhook went ahead of the one before it", [i for i, arrival in arrivals.items() if arrival.is_delayed])
        findings.add("webhooks came out of sequence", out_of_sequence(
            self.events[identity] for identity in arrivals if identity in self.events))
        return findings


def out_of_sequence(events) -> list[str]:
    """Each event says which came before it for its subject, and numbers grow. Rooms and users are forgotten when they are
    empty, and begin anew."""
    last: dict[str, int] = {}
    found = []
    for event in events:
        subject, number, before = event["subject"], int(event["sequence"]), int(event.get("prevsequence", 0))
        begins_anew = before == 0 and not subject.startswith("calls/")
        if not begins_anew and (before != last.get(subject, 0) or number <= before):
            found.append(f"{event['type']} {number} of {subject}, behind {before} as it says, came behind {last.get(subject, 0)}")
        last[subject] = number
    return found

"""Follows the callbacks of each subject: the same id is the same bytes, none is missing in between, one end per call."""

from dataclasses import dataclass, field

ENDS = ("call.ended", "call.merged")


@dataclass
class Chain:
    types: dict = field(default_factory=dict)        # sequence → type
    befores: dict = field(default_factory=dict)      # sequence → prevsequence


class Chains:
    """The topic and several webhooks may be recorded together: what comes again is compared, not counted."""

    def __init__(self):
        self._texts: dict[str, str] = {}             # id → the bytes first seen under it
        self._chains: dict[str, Chain] = {}          # source and subject → what is known of it

    def told(self, event: dict, text: str) -> list[str]:
        """Faults of one callback that fits its schema."""
        known = self._texts.setdefault(event["id"], text)
        if known != text:
            return [f"id {event['id']} had other bytes before"]
        chain = self._chains.setdefault(f"{event['source']} {event['subject']}", Chain())
        sequence, before = int(event["sequence"]), int(event.get("prevsequence", 0))
        if chain.types.get(sequence, event["type"]) != event["type"]:
            return [f"sequence {sequence} was {chain.types[sequence]} before: a fact has one callback at most"]
        chain.types[sequence], chain.befores[sequence] = event["type"], before
        faults = [] if before < sequence else [f"prevsequence {before} is not below sequence {sequence}"]
        kind, _, name = event["subject"].partition("/")
        if kind == "calls" and event["data"]["callId"] != name:
            faults.append(f"subject {event['subject']} is of another call than data.callId")
        return faults

    def incomplete(self) -> list[tuple[str, str]]:
        """(subject, fault) for each call that was seen from its start on and has a hole or two ends."""
        found = []
        for subject, chain in self._chains.items():
            if chain.types.get(min(chain.types)) != "call.started":
                continue                             # recorded from the middle on, or through a filter
            for sequence, before in sorted(chain.befores.items()):
                if before != 0 and before not in chain.types:
                    found.append((subject, f"{chain.types[sequence]} {sequence} follows on {before}, which never came"))
            ends = sorted(sequence for sequence, kind in chain.types.items() if kind in ENDS)
            if len(ends) > 1:
                found.append((subject, f"ended more than once: {ends}"))
        return found

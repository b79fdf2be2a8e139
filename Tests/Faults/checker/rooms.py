"""The log of rooms, folded: who came and went (6), sessions and capacity (8); and the seats of users (4)."""

from dataclasses import dataclass, field

from .calls import place
from .evidence import Entry
from .findings import Findings
from .rule import Reading

MEMBERS_MAX, VIDEOS_MAX = 32, 16


@dataclass
class Room:
    session: str | None = None
    inside: dict[tuple[str, int], str] = field(default_factory=dict)  # user and seat → media type
    sequence: int = 0


def check_rooms(reading: Reading, findings: Findings):
    rooms: dict[str, Room] = {}
    sessions: set[tuple[str, str]] = set()
    for entry in reading.counted:
        facts = entry.value.get("facts") or []
        if not facts:
            continue
        room = rooms.setdefault(entry.key, Room())
        number = entry.value.get("sequence")
        # A closed room may be forgotten, and counts from 1 when it opens anew.
        findings.check(6, number == room.sequence + 1 or (room.session is None and number == 1), lambda: (
            f"room {entry.key}: a fact at {place(entry)} has number {number} behind {room.sequence}"))
        room.sequence = number - 1
        for fact in facts:
            room.sequence += 1
            _apply(room, fact, entry, sessions, findings)
    for key, room in rooms.items():
        findings.check(6, not room.inside, lambda: f"room {key}: {sorted(room.inside)} never left")
        findings.check(8, room.session is None, lambda: f"room {key}: its session is still live")


def _apply(room: Room, fact: dict, entry: Entry, sessions: set, findings: Findings):
    name, where = fact["fact"], f"room {entry.key} at {place(entry)}"
    if name == "opened":
        findings.check(8, room.session is None, f"{where} opens a second session")
        findings.check(8, (entry.key, fact["sessionId"]) not in sessions, f"{where} opens session {fact['sessionId']} again")
        sessions.add((entry.key, fact["sessionId"]))
        room.session = fact["sessionId"]
    elif name == "joined":
        who = (fact["userId"], fact.get("seat", 0))
        findings.check(8, room.session is not None, f"{where}: {who} joins, and no session is live")
        findings.check(6, who not in room.inside, f"{where}: {who} joins twice")
        room.inside[who] = fact.get("mediaType", "")
        videos = sum(kind == "video" for kind in room.inside.values())
        findings.check(8, len(room.inside) <= MEMBERS_MAX and videos <= VIDEOS_MAX, f"{where} holds more than it may")
    elif name == "left":
        who = (fact["userId"], fact.get("seat", 0))
        findings.check(6, room.inside.pop(who, None) is not None, f"{where}: {who} leaves, and is not inside")
    elif name == "closed":
        findings.check(6, not room.inside, lambda: f"{where} closes with {sorted(room.inside)} inside")
        findings.check(8, room.session is not None, f"{where} closes twice")
        room.session = None


def check_seats(reading: Reading, findings: Findings):
    """A user's next seat is given only when the one before is free."""
    taken: dict[str, int] = {}
    for entry in reading.counted:
        for fact in entry.value.get("facts") or ():
            fact = fact.get("user") or {}
            if fact.get("fact") == "seated":
                findings.check(4, entry.key not in taken, lambda: (
                    f"{entry.key} is given seat {fact.get('seat')} at {place(entry)} and still has seat {taken.get(entry.key)}"))
                taken[entry.key] = fact.get("seat", 0)
            elif fact.get("fact") == "freed":
                taken.pop(entry.key, None)
    for key, seat in taken.items():
        findings.check(4, False, f"{key} still has seat {seat}")

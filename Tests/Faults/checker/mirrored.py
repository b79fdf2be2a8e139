"""The logs of users and rooms, folded to what the mirror shows of each: the value of every key after every record."""

from collections import defaultdict
from dataclasses import dataclass, field

from .rule import Reading

ABSENCES_MAX = 16


@dataclass
class Change:
    """A record of a log and what its key shows since then; nothing where there is nothing to see. `at`: milliseconds."""
    at: int
    key: str
    value: dict | None


def changes(ledger: str, reading: Reading) -> dict[int, list[Change]]:
    """By partition, in the order of the log."""
    found: dict[int, list[Change]] = defaultdict(list)
    states: dict[str, User | Room] = {}
    for entry in reading.counted:
        facts = entry.value.get("facts") or []
        # Gateways are kept in the log of users too, and are not shown.
        if not facts or entry.key.startswith("/"):
            continue
        state = states.setdefault(entry.key, User() if ledger == "users" else Room())
        for fact in facts:
            state.apply(fact.get("user") or fact, entry.value.get("time"))
        found[entry.partition].append(Change(entry.at, entry.key, state.shown()))
    return found


@dataclass
class User:
    devices: list[dict] = field(default_factory=list)
    profile: dict = field(default_factory=dict)
    rings: list[str] = field(default_factory=list)
    seat: dict | None = None       # roomId, kind, deviceId
    next: dict | None = None
    absent: list[str] = field(default_factory=list)
    is_cut_off: bool = False

    def apply(self, fact: dict, _):
        match fact["fact"]:
            case "loggedIn":
                device = fact["device"]
                self.profile = fact.get("profile") or {}
                self.devices = [d for d in self.devices if d["deviceId"] != device["deviceId"]] + [device]
                self.absent = [d for d in self.absent if d != device["deviceId"]]
            case "wentOffline":
                self._remove(fact)
                if self.rings or any(self._sits(seat, fact["deviceId"]) for seat in (self.next, self.seat)):
                    self.absent = [*self.absent, fact["deviceId"]][-ABSENCES_MAX:]
            case "loggedOut": self._remove(fact)
            case "ringAdded": self.rings.append(fact["callId"])
            case "ringRemoved": self.rings = [call for call in self.rings if call != fact["callId"]]
            case "seated": self.seat, self.next = _seat(fact["sit"]), None
            case "moving": self.next = _seat(fact)
            case "leaving":
                if self.next and (self.next["roomId"], self.next["deviceId"]) == (fact["roomId"], fact["deviceId"]):
                    self.next = None
            case "freed": self.seat = None
            case "tokensCutOff": self.is_cut_off = True
            case "absenceOver": self.absent = [device for device in self.absent if device != fact["deviceId"]]

    def _remove(self, gone: dict):
        self.devices = [
            d for d in self.devices if (d["deviceId"], d["connection"]) != (gone["deviceId"], gone["connection"])]

    @staticmethod
    def _sits(seat: dict | None, device: str) -> bool:
        return seat is not None and seat["kind"] == "call" and seat["deviceId"] == device

    def shown(self) -> dict | None:
        if not (self.devices or self.rings or self.absent or self.seat or self.next or self.is_cut_off):
            return None
        busy = "busyWaiting" if self.seat else "busyRinging" if self.rings else None
        return {"devices": self.devices, "profile": self.profile if self.devices else None, "busy": busy}


def _seat(sit: dict) -> dict:
    return {"roomId": sit["roomId"], "kind": sit.get("kind"), "deviceId": sit["device"]["deviceId"]}


@dataclass
class Room:
    session: dict | None = None
    members: list[dict] = field(default_factory=list)

    def apply(self, fact: dict, at: int):
        match fact["fact"]:
            case "opened": self.session = {"sessionId": fact["sessionId"], "kind": fact.get("kind")}
            case "joined": self.members = [*self.members, {
                "userId": fact["userId"], "deviceId": fact["deviceId"], "joinId": fact["joinId"], "joinedAt": at,
                "seat": fact.get("seat")}]
            case "left": self.members = [
                m for m in self.members if (m["userId"], m["seat"]) != (fact["userId"], fact.get("seat"))]
            case "closed": self.session = None

    def shown(self) -> dict | None:
        if self.session is None:
            return None
        members = [{name: value for name, value in member.items() if name != "seat"} for member in self.members]
        return self.session | {"members": members}

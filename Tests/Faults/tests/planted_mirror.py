"""Looks at a mirror that were planted: Ada and Bob come, and meet in a room; a test spoils one thing of it."""

import json

from checker.evidence import Look

from .planted import KEY, SESSION, STARTED_AT, Planted

FIRST_LOOK, LOOKS, EACH = -2.0, 60, 1.0


class PlantedMirror(Planted):
    """The stack has one partition, and its logs are those of the good call."""

    def __init__(self):
        super().__init__()
        self.evidence.logs["rooms"][1].value["facts"][1]["joinId"] = "1"
        for number, entry in enumerate(self.evidence.logs["rooms"]):
            entry.at = entry.value["time"] = STARTED_AT + number * 2000
            for fact in entry.value.get("facts", ()):
                fact.setdefault("joinId", "1")
                fact.setdefault("deviceId", "phone")
        self.marker("users", "i1")
        self._users = 0
        for user, device in (("a", "phone"), ("b", "phone"), ("b", "tablet")):
            self.logs_in(user, device)
        self.user_fact("a", "seated", 0, sit={"roomId": KEY.partition("/")[2], "kind": "call", "device": {"deviceId": "phone"}})
        self.user_fact("a", "freed", 9000)
        self.evidence.looks = [self.look(FIRST_LOOK + number * EACH) for number in range(LOOKS)]
        self.evidence.looks[-1].is_last = True

    def logs_in(self, user: str, device: str):
        entry = self.user_fact(user, "loggedIn", -60_000, device=device_of(user, device), profile={"name": user})
        self.callback("users", entry, f"users/{user}", "user.online", self._users)

    def user_fact(self, user: str, name: str, after_ms: int, **data):
        self._users += 1
        return self.append("users", {
            "kind": "facts", "incarnation": "i1", "ordinal": self._next_ordinal("users"), "time": STARTED_AT + after_ms,
            "facts": [{"user": {"fact": name} | data}]}, STARTED_AT + after_ms, key=f"app/{user}")

    # what a good mirror shows, written down by hand

    def look(self, after: float) -> Look:
        """`after`: seconds after the call has started."""
        users = {"app/a": shown("a", ["phone"], "busyWaiting" if 0 <= after < 9 else None),
                 "app/b": shown("b", ["phone", "tablet"])}
        members = [member("a", 2)] if after >= 2 else []
        members += [member("b", 4)] if after >= 4 else []
        members = [m for m in members if m["userId"] == "b"] if after >= 6 else members
        rooms = {KEY: json.dumps({"sessionId": SESSION, "kind": "call", "members": members})} if 2 <= after < 8 else {}
        return Look(STARTED_AT / 1000 + after, {
            ("users", 0): {"#": "0:7"} | users, ("rooms", 0): {"#": "0:3"} | rooms})

    def looks_from(self, after: float, until: float = 1000.0) -> list[Look]:
        return [look for look in self.evidence.looks if after <= look.at - STARTED_AT / 1000 < until]


def device_of(user: str, device: str) -> dict:
    return {"deviceId": device, "connection": {"partition": 0, "gateway": "g", "number": len(user + device)}, "platform": "web"}


def shown(user: str, devices: list[str], busy: str | None = None) -> str:
    value = {"devices": [device_of(user, device) for device in devices], "profile": {"name": user}}
    return json.dumps(value | ({"busy": busy} if busy else {}))


def member(user: str, joined_after: int) -> dict:
    return {"userId": user, "deviceId": "phone", "joinId": "1", "joinedAt": STARTED_AT + joined_after * 1000}

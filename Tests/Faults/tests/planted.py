"""The evidence of one good call, Ada's with Bob, who has two devices; a test spoils one thing of it."""

from checker.evidence import Entry, Evidence

APP, CALL, SESSION = "app", "11111111-1111-4111-8111-111111111111", "s1"
KEY = f"{APP}/{CALL}"
STARTED_AT, EXPIRES_AT = 1_000_000, 1_060_000


class Planted:
    def __init__(self):
        self.evidence = Evidence()
        self.incarnation, self.ordinal = "i1", 0
        self.sequence = 0
        self._event_sequence = 0
        self._history_of_the_call()

    # building

    def _history_of_the_call(self):
        self.marker("calls", "i1")
        self.marker("rooms", "i1")
        self.inbox("start", "a/phone/c1", "call.start")
        self.fact("started", 0, ["call.started"], command="a/phone/c1", caller="a", device={"deviceId": "phone"},
                  expiresAt=EXPIRES_AT, callees=[{"userId": "b"}])
        self.room(("opened", ["room.created", "session.started"], {"sessionId": SESSION, "kind": "call"}),
                  ("joined", ["room.joined"], {"userId": "a", "deviceId": "phone", "seat": 1, "mediaType": "video"}))
        self.fact("entered", 5, ["call.member.joined"], userId="a", deviceId="phone")
        for line in ("a/phone", "b/phone", "b/tablet"):
            self.line(line, "open", -60.0)
        self.asks("a/phone", "call.start", "c1", 0.0)
        self.hears("b/phone", "call.received", 1, 0.1, expiresAt=EXPIRES_AT)
        self.hears("b/tablet", "call.received", 1, 0.1, expiresAt=EXPIRES_AT)
        self.answered("a/phone", "c1", 0, 0.1)
        self.inbox("accept", "b/phone/c2", "call.accept", at=STARTED_AT + 2000)
        self.fact("accepted", 2000, ["call.accepted"], command="b/phone/c2", userId="b", device={"deviceId": "phone"})
        self.asks("b/phone", "call.accept", "c2", 2.0)
        self.answered("b/phone", "c2", 0, 2.1)
        self.hears("b/tablet", "call.ended", 3, 2.1)
        self.room(("joined", ["room.joined"], {"userId": "b", "deviceId": "phone", "seat": 1, "mediaType": "video"}))
        self.fact("entered", 2010, ["call.member.joined"], userId="b", deviceId="phone")
        self.fact("connected", 2010, ["call.connected"])
        for line in ("a/phone", "b/phone"):
            self.hears(line, "call.connected", 5, 2.2)
        self.inbox("end", "a/phone/c3", "call.end", at=STARTED_AT + 9000)
        self.fact("left", 9000, ["call.member.left"], command="a/phone/c3", userId="a", deviceId="phone")
        self.fact("ended", 9000, ["call.ended", "call.log"], reason="ended", alone=False)
        self.asks("a/phone", "call.end", "c3", 9.0)
        self.answered("a/phone", "c3", 0, 9.1)
        for line in ("a/phone", "b/phone"):
            self.hears(line, "call.ended", 7, 9.1)
        self.room(("left", ["room.left"], {"userId": "a", "seat": 1}))
        self.room(("left", ["room.left"], {"userId": "b", "seat": 1}),
                  ("closed", ["session.ended", "room.destroyed"], {}))
        for user in ("a", "b"):
            self.record(user)
        self.evidence.history.append({"at": 1100.0, "what": "end"})

    def marker(self, ledger: str, incarnation: str):
        self.incarnation, self.ordinal = incarnation, 0
        self.append(ledger, {"kind": "marker", "incarnation": incarnation, "ordinal": 0}, STARTED_AT)

    def append(self, ledger: str, record: dict, at: int, key: str = KEY) -> Entry:
        log = self.evidence.logs[ledger]
        log.append(Entry(0, len(log), at, key, record))
        return log[-1]

    def fact(self, name: str, after_ms: int, events: list[str], command: str | None = None, alone: bool = True, **data):
        """A record with one fact; `alone=False` adds it to the record before."""
        fact = {"fact": name} | data
        self.sequence += 1
        log = self.evidence.logs["calls"]
        if not alone:
            log[-1].value["facts"].append(fact)
        else:
            record = {"kind": "facts", "incarnation": "i1", "ordinal": self._next_ordinal("calls"), "sequence": self.sequence,
                      "facts": [fact]} | ({"command": f"{APP}/{command}", "reply": reply(command)} if command else {})
            self.append("calls", record, STARTED_AT + after_ms)
        for number, type in enumerate(events):
            self.callback("calls", log[-1], f"calls/{CALL}", type, self.sequence + number)

    def room(self, *facts: tuple[str, list[str], dict]):
        log = self.evidence.logs["rooms"]
        before = sum(len(entry.value.get("facts", ())) for entry in log)
        self.append("rooms", {"kind": "facts", "incarnation": "i1", "ordinal": self._next_ordinal("rooms"),
                              "sequence": before + 1, "facts": [{"fact": name} | data for name, _, data in facts]}, STARTED_AT)
        for type in (type for _, types, _ in facts for type in types):
            self._event_sequence += 1
            self.callback("rooms", log[-1], f"rooms/{CALL}", type, self._event_sequence)

    def _next_ordinal(self, ledger: str) -> int:
        return sum(1 for entry in self.evidence.logs[ledger] if entry.value["kind"] != "marker")

    def callback(self, ledger: str, source: Entry, subject: str, type: str, sequence: int):
        callbacks = self.evidence.callbacks
        before = next((e.value["sequence"] for e in reversed(callbacks) if e.value["subject"] == subject), "0")
        event = {"id": f"{ledger}-{source.offset}-{type}-{sequence}", "type": type, "subject": subject,
                 "sequence": str(sequence), "prevsequence": before}
        callbacks.append(Entry(0, len(callbacks), source.at, subject, event, {
            "source-topic": f"switchboard.{ledger}.log.v1", "source-offset": str(source.offset)}))

    def record(self, user: str):
        records = self.evidence.records
        records.append(Entry(0, len(records), STARTED_AT + 9000, f"{APP}/{user}", {"callId": CALL, "for": user}))

    def inbox(self, type: str, command: str, request: str, at: int = STARTED_AT):
        inbox = self.evidence.inboxes["calls"]
        inbox.append(Entry(0, len(inbox), at, KEY, {
            "input": {"type": type}, "sentAt": at - 5, "command": f"{APP}/{command}", "reply": reply(command)}))

    def line(self, who: str, what: str, after: float, frame: dict | None = None):
        self.evidence.history.append({"at": STARTED_AT / 1000 + after, "who": who, "line": 1, "what": what}
                                     | ({"frame": frame} if frame else {}))

    def asks(self, who: str, type: str, command: str, after: float):
        self.line(who, "out", after, {"id": command, "cmd": command, "type": type, "data": {"callId": CALL}})

    def answered(self, who: str, command: str, code: int, after: float):
        self.line(who, "in", after, {"re": command, "code": code, "data": {"callId": CALL}})

    def hears(self, who: str, type: str, seq: int, after: float, **data):
        self.line(who, "in", after, {"type": type, "seq": seq, "data": {"callId": CALL} | data})

    # spoiling

    def heard(self, who: str, type: str) -> dict:
        return next(line for line in self.evidence.history
                    if line.get("who") == who and line.get("frame", {}).get("type") == type)

    def forget(self, line: dict):
        self.evidence.history.remove(line)


def reply(command: str) -> dict:
    return {"type": "x", "asker": {"request": command}}

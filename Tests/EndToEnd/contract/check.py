"""Judges a recording line by line, and what only shows over several lines: answers, numbering, chains of callbacks."""

import json
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from .chains import Chains
from .documents import Documents
from .numbering import Numbering

FRAME_BYTES_MAX = 64 * 1024
SHOWN_VIOLATIONS_MAX = 200
MEMBERS = {                                   # of each kind of line, those that must be there
    "frame": ("direction", "connection", "text"),
    "http": ("method", "path", "status"),
    "cloudevent": ("text",),
}


@dataclass
class Violation:
    where: str
    what: str
    faults: list[str]

    def text(self) -> str:
        return "\n".join([f"{self.where}: {self.what}"] + [f"    {fault}" for fault in self.faults])


@dataclass
class Report:
    frames: int = 0
    bodies: int = 0
    callbacks: int = 0
    unanswered: int = 0
    kinds: Counter = field(default_factory=Counter)
    described: list[str] = field(default_factory=list)    # kinds of messages that could have been seen
    violations: list[Violation] = field(default_factory=list)

    @property
    def checked(self) -> int:
        return self.frames + self.bodies + self.callbacks

    def text(self) -> str:
        lines = [violation.text() for violation in self.violations[:SHOWN_VIOLATIONS_MAX]]
        if len(self.violations) > SHOWN_VIOLATIONS_MAX:
            lines.append(f"… and {len(self.violations) - SHOWN_VIOLATIONS_MAX} more")
        lines += [f"{count:6}  {kind}" for kind, count in sorted(self.kinds.items())]
        unseen = [kind for kind in self.described if kind not in self.kinds]
        if unseen:
            lines.append("not seen: " + ", ".join(unseen))
        lines.append(
            f"contract: {self.frames} frames, {self.bodies} HTTP bodies and {self.callbacks} callbacks validated, "
            f"{self.unanswered} requests without an answer, {len(self.violations)} violations")
        return "\n".join(lines)


@dataclass
class Connection:
    """What a recording has shown of one WebSocket so far."""

    asked: dict = field(default_factory=dict)      # id → (type, faults that the request had, whether on purpose)
    answered: set = field(default_factory=set)
    numbering: Numbering = field(default_factory=Numbering)


class Checker:
    """`direction` is the client's: `out` was sent by the client, `in` came from the server. A line with `deliberate: true`
    was wrong on purpose: its form is then no violation, an answer with code 0 to it is."""

    def __init__(self, documents: Documents | None = None):
        self.documents = documents or Documents()
        self.report = Report(described=self.documents.frames.described())
        self._connections: dict[str, Connection] = {}
        self._chains = Chains()

    def read(self, lines, name: str = "recording"):
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            where = f"{name}:{number}"
            record = self._parse(where, "a line of the recording", line)
            if isinstance(record, dict):
                self.record(record, where, scope=name)

    def record(self, record: dict, where: str = "live", scope: str = ""):
        kind = record.get("kind")
        missing = [name for name in MEMBERS.get(kind, ()) if name not in record]
        if kind not in MEMBERS:
            self._violation(where, f"a line of kind {kind!r}", ["the kinds are " + ", ".join(MEMBERS)])
        elif missing:
            self._violation(where, f"a line of kind {kind!r}", [f"{name} is missing" for name in missing])
        elif kind == "frame":
            self._frame(record, where, scope)
        elif kind == "http":
            self._exchange(record, where)
        else:
            self._cloudevent(record["text"], where)

    def finish(self) -> Report:
        for name, connection in self._connections.items():
            self.report.unanswered += len(connection.asked)
            for fault in connection.numbering.unhealed():
                self._violation(name, "numbering", [fault])
        for subject, fault in self._chains.incomplete():
            self._violation(subject, "callbacks", [fault])
        self._connections, self._chains = {}, Chains()
        return self.report

    # Frames

    def _frame(self, record, where, scope):
        connection = self._connections.setdefault(f"{scope} connection {record['connection']}", Connection())
        text = record["text"]
        if record["direction"] == "out":
            self._request(connection, text, record.get("deliberate", False), where)
        elif record["direction"] == "in":
            self._told(connection, text, where)
        else:
            self._violation(where, "a frame", ["its direction is neither in nor out"])

    def _request(self, connection, text, deliberate, where):
        faults = too_large(text)
        try:
            frame = read_json(text)
        except ValueError as problem:
            frame, faults = None, faults + [f"not JSON: {problem}"]
        if frame is not None and not isinstance(frame, dict):
            frame, faults = None, faults + ["not a JSON object"]
        kind = frame.get("type") if frame else None
        place = self.documents.frames.request(kind) if isinstance(kind, str) else None
        if frame is not None:
            faults += self.documents.errors(place, frame) if place else [f"no request is called {kind!r}"]
        self._count("frames", f"request {kind if place else '(not described)'}")
        identifier = frame.get("id") if frame else None
        if isinstance(identifier, str):
            if identifier in connection.asked and not deliberate:
                faults.append(f"id {identifier!r} is waiting for its answer already")
            connection.asked[identifier] = (kind, faults, deliberate)
            connection.answered.discard(identifier)
        if kind == "call.sync" and not faults:
            connection.numbering.asked_again(frame.get("data", {}).get("callId"))
        if faults and not deliberate:
            self._violation(where, f"request {kind}", faults)

    def _told(self, connection, text, where):
        faults = too_large(text)
        frame = self._parse(where, "a frame of the server", text)
        if frame is None:
            return
        if not isinstance(frame, dict):
            self._violation(where, "a frame of the server", ["not a JSON object"])
        elif "re" in frame:
            self._answer(connection, frame, where, faults)
        else:
            self._event(connection, frame, where, faults)

    def _answer(self, connection, frame, where, faults):
        identifier, code = frame["re"], frame.get("code")
        asked = connection.asked.pop(identifier, None) if isinstance(identifier, str) else None
        if asked is None:
            again = isinstance(identifier, str) and identifier in connection.answered
            faults = faults + [f"re {identifier!r} " + ("was answered before" if again else "was never asked")]
        kind, wrong, deliberate = asked or ("?", [], False)
        if isinstance(identifier, str):
            connection.answered.add(identifier)
        if code == 0:
            place = self.documents.frames.answer(kind)
            if asked is not None and place is None:
                faults = faults + [f"code 0 to {kind!r}, which is not described"]
            if deliberate and wrong:
                faults = faults + ["code 0 to a request that was wrong: " + "; ".join(wrong)]
        else:
            place = self.documents.frames.refusal(code)
            if place is None:
                faults = faults + [f"code {code!r} is not described"]
        faults = faults + (self.documents.errors(place, frame) if place else [])
        self._count("frames", f"answer {kind}" if code == 0 else f"refusal {code}")
        if faults:
            self._violation(where, f"answer to {kind} ({code})", faults)
        elif code == 0 or code == 81001:
            connection.numbering.answered(kind, frame.get("data") or {})

    def _event(self, connection, frame, where, faults):
        kind = frame.get("type")
        place = self.documents.frames.event(kind) if isinstance(kind, str) else None
        faults = faults + (self.documents.errors(place, frame) if place else [f"no event is called {kind!r}"])
        self._count("frames", f"event {kind if place else '(not described)'}")
        if kind != "kicked" and any(asked == "connect" for asked, *_ in connection.asked.values()):
            faults = faults + ["came before the answer to `connect`"]
        if not faults:
            faults = connection.numbering.told(frame)
        if faults:
            self._violation(where, f"event {kind}", faults)

    # HTTP

    def _exchange(self, record, where):
        method, status = record["method"].upper(), record["status"]
        address = urlsplit(record["path"])
        what = f"{method} {address.path} → {status}"
        http = self.documents.http
        template, values = http.operation(method, address.path)
        if values is None:
            expected = record.get("deliberate") and status in (404, 405)
            if not expected:
                self._violation(where, what, ["no such path is described" if template is None else "no such method here"])
            return
        faults = [] if record.get("deliberate") else self._asked_over_http(record, template, method, values, address)
        wanted = http.response_bodies(template, method, status)
        if wanted is None:
            faults.append(f"status {status} is not described")
        else:
            faults += self._answered_over_http(record, wanted)
        if record.get("deliberate") and status < 300:
            faults += [f"{status} to a request that was wrong: {fault}"
                       for fault in self._asked_over_http(record, template, method, values, address)]
        self._count("bodies", f"{method} {template} {status}")
        if faults:
            self._violation(where, what, faults)

    def _asked_over_http(self, record, template, method, values, address) -> list[str]:
        faults = []
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        for parameter, place in self.documents.http.parameters(template, method):
            given = values if parameter["in"] == "path" else query
            value = given.get(parameter["name"])
            if value is None:
                if parameter.get("required"):
                    faults.append(f"{parameter['in']} parameter {parameter['name']} is missing")
                continue
            value = unquote(value) if parameter["in"] == "path" else value
            found = self.documents.errors(place, value)
            if found and value.lstrip("-").isdigit():
                found = self.documents.errors(place, int(value))
            faults += [f"{parameter['in']} parameter {parameter['name']}: {fault}" for fault in found]
        place, required = self.documents.http.request_body(template, method)
        body, problem = body_value(record.get("requestBody"))
        if problem:
            faults.append(f"request body: {problem}")
        elif place and body is not None:
            faults += [f"request body, {fault}" for fault in self.documents.errors(place, body)]
        elif required:
            faults.append("request body is missing")
        return faults

    def _answered_over_http(self, record, wanted) -> list[str]:
        raw = record.get("responseBody")
        if not wanted:
            return ["a body where none is described"] if raw not in (None, "") else []
        media = (record.get("contentType") or "").partition(";")[0].strip().lower()
        if media and media not in wanted:
            return [f"content type {media} is not described; {', '.join(wanted)} is"]
        media = media or next(iter(wanted))
        if media == "text/plain":
            return [] if isinstance(raw, str) else ["the body is no text"]
        body, problem = body_value(raw)
        if problem or raw in (None, ""):
            return [f"response body: {problem or 'is missing'}"]
        return [f"response body, {fault}" for fault in self.documents.errors(wanted[media], body)]

    # Callbacks

    def _cloudevent(self, text, where):
        event = self._parse(where, "a callback", text)
        if event is None:
            return
        kind = event.get("type") if isinstance(event, dict) else None
        place = self.documents.frames.callback(kind) if isinstance(kind, str) else None
        faults = self.documents.errors(place, event) if place else [f"no callback is called {kind!r}"]
        self._count("callbacks", f"callback {kind if place else '(not described)'}")
        if not faults:
            faults = self._chains.told(event, text)
        if faults:
            self._violation(where, f"callback {kind}", faults)

    # Results

    def _count(self, total, kind):
        setattr(self.report, total, getattr(self.report, total) + 1)
        self.report.kinds[kind] += 1

    def _violation(self, where, what, faults):
        self.report.violations.append(Violation(where, what, faults))

    def _parse(self, where, what, text):
        try:
            return read_json(text)
        except ValueError as problem:
            self._violation(where, what, [f"not JSON: {problem}", text[:200]])
            return None


def read_json(text: str):
    """Strict: no NaN, no member twice in one object."""
    def members(pairs):
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a member stands twice in one object")
        return result

    def constant(name):
        raise ValueError(f"{name} is no JSON")

    try:
        return json.loads(text, object_pairs_hook=members, parse_constant=constant)
    except RecursionError:
        raise ValueError("nested too deep") from None


def body_value(body):
    """(value, problem) of a body recorded as text or as the value itself."""
    if body is None or body == "":
        return None, None
    if not isinstance(body, str):
        return body, None
    try:
        return read_json(body), None
    except ValueError as problem:
        return None, f"not JSON: {problem}"


def too_large(text: str) -> list[str]:
    length = len(text.encode("utf-8", "surrogatepass"))
    return [f"{length} bytes, more than {FRAME_BYTES_MAX}"] if length > FRAME_BYTES_MAX else []

"""Writes what a test sends and receives as the lines that `python3 -m contract` reads."""

import json
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

HTTP_TIMEOUT_SECONDS = 15


@dataclass
class Response:
    status: int
    headers: dict
    text: str

    def json(self):
        return json.loads(self.text)


class Recorder:
    """One file for a whole run; from any thread. Lines are whole and on disk at once, so that a test that dies leaves
    what it saw."""

    def __init__(self, path):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, "a", encoding="utf-8")
        self._lock = threading.Lock()
        self._connections = count(1)

    def close(self):
        self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Frames

    def watch(self, page, label: str = "page"):
        """Records every WebSocket that a Playwright page (sync or async) opens from now on, its reconnects too."""
        page.on("websocket", lambda socket: self._watch_socket(socket, label))

    def connection(self, label: str = "socket") -> "FrameRecorder":
        """For a socket that the test itself holds."""
        return FrameRecorder(self, f"{label}/{next(self._connections)}")

    def _watch_socket(self, socket, label):
        if urlsplit(socket.url).path != "/ws":
            return
        frames = self.connection(label)
        socket.on("framesent", lambda payload: frames.sent(payload))
        socket.on("framereceived", lambda payload: frames.received(payload))

    # Callbacks

    def callback(self, text):
        """The value of one record of the callbacks topic, or the body of one webhook."""
        self.write({"kind": "cloudevent", "text": as_text(text)})

    # HTTP

    def exchange(self, method, path, status, request_body=None, response_body=None, content_type=None, deliberate=False):
        line = {"kind": "http", "method": method, "path": path, "status": status,
                "requestBody": as_text(request_body), "responseBody": as_text(response_body)}
        if content_type:
            line["contentType"] = content_type
        if deliberate:
            line["deliberate"] = True
        self.write(line)

    def checked_request(self, method, url, *, body=None, headers=None, deliberate=False,
                        timeout=HTTP_TIMEOUT_SECONDS) -> Response:
        """Sends one request, records both sides, and returns the answer whatever its status. `body`: a value to be sent as
        JSON, or bytes or text to be sent as they are. `deliberate`: wrong on purpose."""
        headers = dict(headers or {})
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        try:
            with NO_PROXY.open(request, timeout=timeout) as answer:
                response = Response(answer.status, dict(answer.headers), answer.read().decode("utf-8", "replace"))
        except urllib.error.HTTPError as refused:
            with refused:
                response = Response(refused.code, dict(refused.headers), refused.read().decode("utf-8", "replace"))
        kinds = [value for name, value in response.headers.items() if name.lower() == "content-type"]
        address = urlsplit(url)
        self.exchange(method, address.path + ("?" + address.query if address.query else ""), response.status, data,
                      response.text, kinds[0] if kinds else None, deliberate)
        return response

    def write(self, line: dict):
        text = json.dumps(line | {"at": round(time.time() * 1000)}, ensure_ascii=False) + "\n"
        with self._lock:
            self._file.write(text)
            self._file.flush()


class FrameRecorder:
    """The frames of one connection, seen from the client. A binary frame is recorded as its bytes' text."""

    def __init__(self, recorder: Recorder, name: str):
        self._recorder = recorder
        self.name = name

    def sent(self, text, deliberate: bool = False):
        line = {"kind": "frame", "direction": "out", "connection": self.name, "text": as_text(text)}
        self._recorder.write(line | ({"deliberate": True} if deliberate else {}))

    def received(self, text):
        self._recorder.write({"kind": "frame", "direction": "in", "connection": self.name, "text": as_text(text)})


def as_text(value):
    return value.decode("utf-8", "replace") if isinstance(value, (bytes, bytearray)) else value


NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))

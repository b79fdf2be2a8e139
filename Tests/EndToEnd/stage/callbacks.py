"""Readers of callbacks that are not ours: kcat on the topic, and a webhook endpoint of the standard library."""

import json
import subprocess
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .runner import stage

TOPIC = "switchboard.callbacks.v1"
READ_SECONDS = 60


@dataclass
class Told:
    key: str
    text: str

    @property
    def event(self) -> dict:
        return json.loads(self.text)


def on_topic() -> list[Told]:
    """All that is on the topic now, partition by partition."""
    done = subprocess.run(
        ["kcat", "-q", "-b", stage.stack.known["kafkaBootstrap"], "-t", TOPIC, "-C", "-e", "-o", "beginning", "-f", "%k\t%s\n"],
        capture_output=True, text=True, timeout=READ_SECONDS)
    assert done.returncode == 0, f"kcat: {done.stderr}"
    return [Told(*line.split("\t", 1)) for line in done.stdout.splitlines()]


def about(subject: str) -> list[Told]:
    return [told for told in on_topic() if told.event["subject"] == subject]


@dataclass
class Delivery:
    headers: dict
    body: bytes
    status: int

    @property
    def event(self) -> dict:
        return json.loads(self.body)


class Sink:
    """Answers what comes with the next of `statuses`, then with 204."""

    def __init__(self, *statuses: int):
        self.deliveries: list[Delivery] = []
        self._statuses = list(statuses)
        self._lock = threading.Lock()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(sink.take({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def take(self, headers: dict, body: bytes) -> int:
        with self._lock:
            status = self._statuses.pop(0) if self._statuses else 204
            self.deliveries.append(Delivery(headers, body, status))
        stage.recorder.callback(body)
        return status

    def about(self, subject: str) -> list[Delivery]:
        with self._lock:
            return [one for one in self.deliveries if one.event["subject"] == subject]

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

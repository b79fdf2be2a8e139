import json
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ..check import Checker
from ..recorder import Recorder
from .traffic import callbacks, frames


class Answerer(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, "application/json", {"code": 0, "result": {"userId": "ada", "accessToken": "t"}})

    def do_GET(self):
        self.answer(404, "application/problem+json", {"title": "No", "status": 404, "code": 80008, "requestId": "r"})

    def answer(self, status, kind, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Emitter:
    """As much of a Playwright page or socket as the recorder uses."""

    def __init__(self, url=None):
        self.url = url
        self.heard = {}

    def on(self, event, hear):
        self.heard[event] = hear


class TheRecorder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.recorder = Recorder(Path(self.folder.name) / "run" / "traffic.jsonl")

    def tearDown(self):
        self.recorder.close()
        self.folder.cleanup()

    def judged(self):
        checker = Checker()
        checker.read(self.recorder.path.read_text(encoding="utf-8").splitlines())
        return checker.finish()

    def test_what_pages_say_and_hear_can_be_judged(self):
        page, sockets = Emitter(), {"a": Emitter("ws://127.0.0.1:8080/ws"), "b": Emitter("ws://127.0.0.1:8080/ws?x=1")}
        self.recorder.watch(page)
        elsewhere = Emitter("ws://127.0.0.1:8080/elsewhere")
        page.heard["websocket"](elsewhere)
        self.assertEqual(elsewhere.heard, {})
        for socket in sockets.values():
            page.heard["websocket"](socket)
        for line in frames():
            event = "framesent" if line["direction"] == "out" else "framereceived"
            sockets[line["connection"]].heard[event](line["text"])
        for line in callbacks():
            self.recorder.callback(line["text"].encode())
        report = self.judged()
        self.assertEqual([violation.text() for violation in report.violations], [])
        self.assertEqual((report.frames, report.callbacks), (len(frames()), len(callbacks())))

    def test_a_socket_of_the_test_may_be_wrong_on_purpose(self):
        socket = self.recorder.connection()
        socket.sent('{"id":"1","type":"nonsense"}', deliberate=True)
        socket.received('{"re":"1","code":80001,"message":"no such type","data":{"field":"type"}}')
        self.assertEqual(self.judged().violations, [])

    def test_a_checked_request_returns_the_answer_and_records_both_sides(self):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Answerer)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        base = f"http://127.0.0.1:{server.server_port}"
        try:
            issued = self.recorder.checked_request(
                "POST", base + "/v4/auth/access-token/issue", body={"userId": "ada", "name": "Ada"}, headers={"App-Key": "k"})
            self.assertEqual((issued.status, issued.json()["result"]["accessToken"]), (200, "t"))
            missing = self.recorder.checked_request("GET", base + "/v1/rooms/r1?x=%20")
            self.assertEqual(missing.status, 404)
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
        report = self.judged()
        self.assertEqual([violation.text() for violation in report.violations], [])
        self.assertEqual(report.bodies, 2)


if __name__ == "__main__":
    unittest.main()

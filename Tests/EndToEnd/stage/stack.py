"""The stack, started and stopped by the scripts of `make run`, and its server API as an app server calls it."""

import hashlib
import json
import os
import secrets
import subprocess
import time
import urllib.request
from pathlib import Path

from contract import Recorder
from contract.recorder import Response

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = ROOT / "Deploy/Local"
PORT = 8080  # of our own network
READY_SECONDS = 30
# Endpoints of the tests are on this machine, and what they refuse shall come again soon.
WEBHOOKS = {"SWITCHBOARD_WEBHOOK_ALLOW_PRIVATE": "1", "SWITCHBOARD_WEBHOOK_RETRY_FIRST": "100ms"}


class Stack:
    def __init__(self, folder: Path, recorder: Recorder):
        self.folder = folder
        self.recorder = recorder
        self.known: dict = {}

    def start(self) -> None:
        """- Throws: RuntimeError with the script's last words."""
        done = subprocess.run(
            [SCRIPTS / "run"], env=self._environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0 or "Switchboard is ready" not in done.stdout:
            raise RuntimeError(f"Deploy/Local/run ended with {done.returncode}:\n{done.stdout[-4000:]}")
        self.known = json.loads((self.folder / "connection.json").read_text())

    def stop(self) -> None:
        subprocess.run([SCRIPTS / "stop"], env=self._environment(), check=True, stdout=subprocess.DEVNULL)

    def wait_for(self, service: str, number: int) -> None:
        """Until that copy is ready. - Throws: AssertionError after a while."""
        address = self.known["services"][service][number - 1]
        deadline = time.monotonic() + READY_SECONDS
        while not is_ready(address):
            assert time.monotonic() < deadline, f"{service} {number} is not ready"
            time.sleep(0.05)

    @property
    def base(self) -> str:
        return self.known["baseUrl"]

    def headers(self, **changed) -> dict:
        """The signature of a server call; `changed` replaces a header, `App_Key` meaning App-Key, before or after signing."""
        secret = changed.pop("secret", self.known["appSecret"])
        headers = {"App-Key": self.known["appKey"], "Nonce": secrets.token_hex(8), "Timestamp": str(round(time.time() * 1000))}
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        text = secret + headers["Nonce"] + headers["Timestamp"]
        headers.setdefault("Signature", hashlib.sha1(text.encode()).hexdigest())
        return headers

    def ask(self, method: str, path: str, body=None, headers=None, deliberate=False) -> Response:
        """A signed call through the front door, recorded; `headers` in place of the signature."""
        return self.recorder.checked_request(
            method, self.base + path, body=body, headers=self.headers() if headers is None else headers, deliberate=deliberate)

    def get(self, path: str) -> dict:
        """- Throws: AssertionError unless it is answered 200."""
        answer = self.ask("GET", path)
        assert answer.status == 200, f"GET {path}: {answer.status} {answer.text}"
        return answer.json()

    def timeline(self, call: str) -> list[dict]:
        """All of it, page by page."""
        items, after = [], ""
        while True:
            page = self.get(f"/v1/calls/{call}/timeline{after}")
            items += page["items"]
            if not page.get("next"):
                return items
            after = f"?next={page['next']}"

    def token(self, user: str) -> str:
        answer = self.ask("POST", "/v4/auth/access-token/issue", {"userId": user, "name": user.title()})
        assert answer.status == 200, answer.text
        return answer.json()["result"]["accessToken"]

    def logs(self) -> Path:
        return self.folder / "logs"

    def _environment(self) -> dict:
        ours = {"RUN_DIR": str(self.folder), "PORT": str(PORT), "DETACH": "1"}
        return {"BUILD": "debug", "GATEWAYS": "2"} | os.environ | ours | WEBHOOKS


def is_ready(address: str) -> bool:
    try:
        return urllib.request.urlopen(f"http://{address}/readyz", timeout=1).status == 200
    except OSError:
        return False

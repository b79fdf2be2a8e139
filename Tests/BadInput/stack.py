"""A Switchboard of its own, started and ended by the scripts of Deploy/Local."""

import asyncio
import json
import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WAIT_SECONDS = 15


class Stack:
    def __init__(self, folder: Path):
        self.run = folder / "run"
        self.programs = Path(os.environ.get("PROGRAMS") or ROOT / ".build/debug")
        self.known: dict = {}
        self.pids: dict[str, list[int]] = {}

    # MARK: life

    def start(self) -> None:
        self.script("run", DETACH="1", PORT=str(free_port()))
        self.known = json.loads((self.run / "connection.json").read_text())
        self.note_deaths()

    def stop(self) -> None:
        self.script("stop")

    def script(self, name: str, **more: str) -> None:
        environment = os.environ | {
            "RUN_DIR": str(self.run), "PROGRAMS": str(self.programs), "SWITCHBOARD_LOG_LEVEL": "debug"} | more
        subprocess.run([ROOT / "Deploy/Local" / name], env=environment, check=True, stdout=sys.stderr)

    def control(self, order: str, *names: str) -> None:
        command = shlex.split(self.known["control"][order])
        subprocess.run([*command, *names], check=True, capture_output=True)

    def check_nobody_died(self) -> None:
        """Whatever was sent, every process is still the one that was started."""
        now = self.running()
        gone = {name: pids for name, pids in self.pids.items() if now.get(name) != pids}
        assert not gone, f"these ended, or were started again: {gone}, now {now}"

    def note_deaths(self) -> None:
        """Takes the processes of this moment for those that must live on."""
        self.pids = self.running()

    def tell_deaths(self) -> None:
        """The same, and what those said that ended meanwhile."""
        now = self.running()
        for service in [service for service, pids in self.pids.items() if now.get(service) != pids]:
            for path in sorted((self.run / "logs").glob(f"{service}*.log")):
                said = [line for line in path.read_text(errors="replace").splitlines() if not line.startswith("{")]
                print(f"    {path.name}:", *said[:12], sep="\n      | ", flush=True)
        self.pids = now

    def running(self) -> dict[str, list[int]]:
        pids = json.loads((self.run / "connection.json").read_text())["pids"]
        # Told by supervisord once a second; a pid that is not there any more ended since.
        return {name: [pid for pid in known if Path(f"/proc/{pid}").exists()] for name, known in pids.items()}

    # MARK: its log

    def log_mark(self, program: str) -> int:
        path = self.log_path(program)
        return path.stat().st_size if path.exists() else 0

    def log_lines(self, program: str, since: int) -> list[dict]:
        with self.log_path(program).open("rb") as file:
            file.seek(since)
            text = file.read().decode(errors="replace")
        lines = []
        for line in text.splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                pass  # said by the Swift runtime or a library
        return lines

    def log_path(self, program: str) -> Path:
        return self.run / "logs" / f"{program}.log"

    # MARK: tokens

    def token(self, user: str) -> str:
        query = urllib.parse.urlencode({"userId": user, "name": user.title()})
        with urllib.request.urlopen(f"{self.known['baseUrl']}/demo/token?{query}", timeout=10) as answer:
            return json.load(answer)["accessToken"]

    def address(self, service: str) -> str:
        return self.known["services"][service][0]

    @property
    def gateway(self) -> str:
        return self.known["gateways"][0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def until(what: str, condition, seconds: float = WAIT_SECONDS):
    """Waits until `condition()` gives something true, and gives it back; says what is missing when it never comes."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < deadline, f"never came: {what}"
        await asyncio.sleep(0.05)

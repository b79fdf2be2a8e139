"""A stack as `make run` starts it, in a folder of its own, and what can be done to it."""

import asyncio
import hashlib
import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from .waiting import Missing, until

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 90
READY_POLL_SECONDS = 0.1
TOKEN_SECONDS = 15


class Stack:
    """Loopback only, on free ports; ended by its own supervisor's pid."""

    def __init__(self, gateways: int = 2, orchestrators: int = 2):
        self.run = Path(tempfile.mkdtemp(prefix="switchboard-faults-"))
        self.environment = os.environ | {
            "RUN_DIR": str(self.run), "PORT": str(free_port()), "DETACH": "1", "WAIT": "60",
            "GATEWAYS": str(gateways), "ORCHESTRATORS": str(orchestrators),
            # A refused webhook is sent again at once, so that the test need not wait for minutes.
            "SWITCHBOARD_WEBHOOK_RETRY_FIRST": "100ms",
            "PROGRAMS": os.environ.get("PROGRAMS") or str(ROOT / ".build/debug"),
        }

    def start(self):
        done = subprocess.run(
            [ROOT / "Deploy/Local/run"], env=self.environment, timeout=START_SECONDS, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise RuntimeError(f"the stack did not start:\n{done.stdout}")

    def stop(self):
        """As an operator does; its words stay."""
        subprocess.run([ROOT / "Deploy/Local/stop"], env=self.environment, stdout=subprocess.DEVNULL)

    def end(self, keep: bool):
        self.stop()
        if keep:
            print(f"The logs are kept in {self.run}/logs", flush=True)
        else:
            shutil.rmtree(self.run, ignore_errors=True)

    # what there is

    @property
    def connection(self) -> dict:
        return json.loads((self.run / "connection.json").read_text())

    def pids(self, service: str) -> list[int]:
        return self.connection["pids"].get(service, [])

    @property
    def gateways(self) -> list[str]:
        return self.connection["gateways"]

    def is_ready(self, service: str) -> bool:
        addresses = self.connection["services"].get(service, [])
        return all(fetch(f"http://{address}/readyz")[0] == 200 for address in addresses)

    def answers(self, service: str, number: int) -> bool:
        return fetch(f"http://{self.connection['services'][service][number]}/healthz")[0] != 0

    def pid_of(self, service: str, number: int) -> int:
        """Of one copy, counted from 1, by the instance it was started as."""
        name = f"SWITCHBOARD_INSTANCE={service}-{number}".encode()
        return next(pid for pid in self.pids(service)
                    if name in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))

    # what is done to it

    def hold(self, *services: str):
        """Stands still until it is killed."""
        for pid in [pid for service in services for pid in self.pids(service)]:
            os.kill(pid, signal.SIGSTOP)

    def kill(self, *services: str) -> dict[str, list[int]]:
        """All copies at once, with -9; the supervisor starts them again."""
        pids = {service: self.pids(service) for service in services}
        for pid in [pid for some in pids.values() for pid in some]:
            os.kill(pid, signal.SIGKILL)
        return pids

    async def is_back(self, killed: dict[str, list[int]], seconds: float = 30):
        """Until every service that was killed runs again and is ready."""
        for service, old in killed.items():
            await until(lambda: self.is_replaced(service, old), f"{service} started again", seconds)
            deadline = asyncio.get_running_loop().time() + seconds
            while not await asyncio.to_thread(self.is_ready, service):
                if asyncio.get_running_loop().time() > deadline:
                    raise Missing(f"{service} did not become ready again within {seconds:g} s")
                await asyncio.sleep(READY_POLL_SECONDS)

    def is_replaced(self, service: str, old: list[int]) -> bool:
        now = self.pids(service)
        return len(now) == len(old) and not set(now) & set(old)

    def stop_and_kill(self, name: str, pid: int):
        """Kills one copy with -9 so that its supervisor does not start it again.

        It is held while the supervisor is told to stop it, and killed the moment that order has arrived.
        """
        os.kill(pid, signal.SIGSTOP)
        order = subprocess.Popen([*shlex.split(self.connection["control"]["stop"]), *name.split()],
                                 stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not is_pending(pid, signal.SIGTERM) and time.monotonic() < deadline:
            time.sleep(0.005)
        os.kill(pid, signal.SIGKILL)
        order.wait(timeout=20)

    def control(self, order: str, *names: str):
        subprocess.run([*shlex.split(self.connection["control"][order]), *names], check=True, timeout=60,
                       stdout=subprocess.DEVNULL)

    def delete_views(self) -> int:
        """Every SQLite file of every service."""
        found = [path for path in (self.run / "data").rglob("*.sqlite*") if path.is_file()]
        for path in found:
            path.unlink()
        return len(found)

    def flush_redis(self):
        host, _, port = self.connection["redisUrl"].removeprefix("redis://").rpartition(":")
        with socket.create_connection((host, int(port)), timeout=2) as connection:
            connection.sendall(b"FLUSHALL\r\n")
            answer = connection.recv(64)
        if not answer.startswith(b"+OK"):
            raise RuntimeError(f"Redis answers FLUSHALL with {answer!r}")

    # what it says

    async def token(self, user: str) -> str:
        """A token-service that was killed issues again once another owner has its partitions."""
        url = f"{self.connection['baseUrl']}/demo/token?userId={user}&name={user.title()}"
        deadline = asyncio.get_running_loop().time() + TOKEN_SECONDS
        while True:
            code, body = await asyncio.to_thread(fetch, url)
            if code == 200:
                return json.loads(body)["accessToken"]
            if asyncio.get_running_loop().time() > deadline:
                raise Missing(f"no token for {user} within {TOKEN_SECONDS} s, but {code} {body!r}")
            await asyncio.sleep(READY_POLL_SECONDS)

    def get(self, path: str) -> tuple[int, dict]:
        return self._ask("GET", path)

    def post(self, path: str, body: dict) -> dict:
        code, answer = self._ask("POST", path, body)
        if code not in (200, 201):
            raise Missing(f"POST {path} is answered {code} {answer}")
        return answer

    def delete(self, path: str):
        self._ask("DELETE", path)

    def _ask(self, method: str, path: str, body: dict | None = None) -> tuple[int, dict]:
        """The Server API, signed as published."""
        known = self.connection
        nonce, now = secrets.token_hex(8), str(int(time.time() * 1000))
        signature = hashlib.sha1((known["appSecret"] + nonce + now).encode()).hexdigest()
        headers = {"App-Key": known["appKey"], "Nonce": nonce, "Timestamp": now, "Signature": signature}
        code, answer = fetch(known["baseUrl"] + path, headers, method, body)
        return code, json.loads(answer or b"{}") if code else {}

    def owner_of_call(self, call: str) -> int | None:
        """Which copy of the orchestrator, from 0, decides this call; nothing where none says so."""
        partitions = int(self.environment.get("SWITCHBOARD_PARTITIONS") or 8)
        partition = murmur2(f"{self.connection['appKey']}/{call}".encode()) % partitions
        for number, address in enumerate(self.connection["services"]["call-orchestrator"]):
            for line in fetch(f"http://{address}/metrics")[1].decode().splitlines():
                if (line.startswith("switchboard_ledger_owned{") and 'ledger="calls"' in line
                        and f'partition="{partition}"' in line and float(line.split()[-1]) == 1):
                    return number
        return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url: str, headers: dict | None = None, method: str = "GET", body: dict | None = None) -> tuple[int, bytes]:
    """Status and body; 0 where nobody answers."""
    headers = (headers or {}) | ({"content-type": "application/json"} if body is not None else {})
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, headers=headers, method=method, data=data)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def is_pending(pid: int, number: signal.Signals) -> bool:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(("SigPnd:", "ShdPnd:")) and int(line.split()[1], 16) & 1 << (number - 1):
            return True
    return False


def murmur2(data: bytes) -> int:
    """As Kafka's Java clients compute it, its sign bit cut off."""
    multiplier, mask = 0x5BD1E995, 0xFFFFFFFF
    value = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start:start + 4], "little") * multiplier & mask
        word = (word ^ word >> 24) * multiplier & mask
        value = (value * multiplier & mask) ^ word
    if data[whole:]:
        value = (value ^ int.from_bytes(data[whole:], "little")) * multiplier & mask
    value = (value ^ value >> 13) * multiplier & mask
    return (value ^ value >> 15) & 0x7FFFFFFF

"""What callback-dispatcher spends on a webhook: each event of a load of calls, rendered, signed and posted to one sink."""

import hashlib
import json
import re
import subprocess
import time
import urllib.request
from pathlib import Path

from .processes import Server, accepts, cpu_seconds, free_port

RATE = 200
SECONDS = 5
USERS = 600
IDLE = 2
# So long after the last delivery all are taken for done.
QUIET_SECONDS = 1.5
WAIT_SECONDS = 30


def measured(server, load: Path, folder: Path) -> dict:
    port = free_port()
    sink = Server([str(load), "serve", str(port)], folder / "sink")
    try:
        sink.wait_until(lambda: accepts(port))
        add_endpoint(server, f"http://127.0.0.1:{port}/")
        pids = server.known["pids"]["callback-dispatcher"]
        began = delivered(server), sum(map(cpu_seconds, pids))
        plan = server.plan(USERS, IDLE) | {
            "users": USERS, "idle": IDLE, "rates": [RATE], "warmUpSeconds": 0, "seconds": SECONDS}
        path = folder / "webhooks.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(plan))
        subprocess.run([load, "calls", path], stdout=subprocess.DEVNULL, check=True)
        path.unlink()
        count = settled(server) - began[0]
        seconds = sum(map(cpu_seconds, pids)) - began[1]
        return {"what": "webhooks", "count": count, "cpuSeconds": seconds, "costs": [], "failures": {}}
    finally:
        sink.stop()


def add_endpoint(server, url: str, types: tuple[str, ...] = ("call.*", "room.*", "session.*", "user.*")) -> None:
    nonce, timestamp = str(free_port()), str(int(time.time() * 1000))
    secret = server.known["appSecret"] + nonce + timestamp
    request = urllib.request.Request(
        server.known["baseUrl"] + "/v1/callbacks/endpoints", method="POST",
        data=json.dumps({"url": url, "types": types}).encode(),
        headers={
            "App-Key": server.known["appKey"], "Nonce": nonce, "Timestamp": timestamp,
            "Signature": hashlib.sha1(secret.encode()).hexdigest(), "Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()


def delivered(server) -> int:
    address = server.known["services"]["callback-dispatcher"][0]
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
        found = re.findall(r"^switchboard_webhooks_delivered_total(?:\{[^}]*\})? (\d+)", answer.read().decode(), re.M)
    return sum(map(int, found))


def settled(server) -> int:
    deadline, last, since = time.monotonic() + WAIT_SECONDS, -1, time.monotonic()
    while time.monotonic() < deadline:
        count = delivered(server)
        if count != last:
            last, since = count, time.monotonic()
        elif time.monotonic() - since > QUIET_SECONDS:
            break
        time.sleep(0.2)
    return last

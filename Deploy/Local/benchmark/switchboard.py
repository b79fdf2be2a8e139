"""Our own stack, as `make run` starts it, in a folder and on ports of the bench."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from stack.settings import ROOT

from .processes import free_port, with_children

SERVICES = ("token-service", "room-allocator", "call-orchestrator", "signaling-gateway", "callback-dispatcher")
# Measured, and no service of ours.
BESIDE = ("embedded-log", "redis", "nginx")
# The process whose memory a connection costs.
GATEWAY = "signaling-gateway"

HERE = ROOT / "Deploy/Local"


class Switchboard:
    name = "Switchboard"

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = os.environ | {"RUN_DIR": str(folder), "PORT": str(free_port()), "DETACH": "1", "TLS": "0"}

    def __enter__(self) -> "Switchboard":
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([HERE / "run"], env=self.environment, check=True, stdout=subprocess.DEVNULL)
        self.known = json.loads((self.folder / "connection.json").read_text())
        return self

    def __exit__(self, *_) -> None:
        subprocess.run([HERE / "stop"], env=self.environment, check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def plan(self, users: int, idle: int) -> dict:
        """The clients speak to the gateways themselves: nginx is measured, and has nothing to do."""
        gateways = (url.removeprefix("ws://").removesuffix("/ws").rpartition(":") for url in self.known["gateways"])
        pids = self.known["pids"]
        return {
            "language": "switchboard", "servers": [{"host": host, "port": int(port)} for host, _, port in gateways],
            "tokenURL": "http://" + self.known["services"]["token-service"][0],
            "appKey": self.known["appKey"], "appSecret": self.known["appSecret"],
            "processes": [
                {"name": name, "pids": [p for pid in pids.get(name, []) for p in with_children(pid)]}
                for name in SERVICES + BESIDE],
        }

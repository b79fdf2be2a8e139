"""Debian's ejabberd, with nothing switched on but what the load needs: users in Mnesia, WebSocket, registration by HTTP."""

import http.client
import json
import re
import shutil
import subprocess
from pathlib import Path

from .processes import Server, answers, free_port

PASSWORD = "load"
EBIN = "/usr/lib/x86_64-linux-gnu"

CONFIGURATION = """\
loglevel: warning
hosts: [localhost]
auth_method: [internal]
auth_password_format: plain
disable_sasl_mechanisms: [digest-md5, scram-sha-1, x-oauth2]
default_db: mnesia
listen:
  - port: {port}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers:
      /ws: ejabberd_http_ws
      /api: mod_http_api
acl:
  loopback: {{ip: [127.0.0.0/8]}}
api_permissions:
  "registration": {{who: [{{access: [{{allow: loopback}}]}}], what: [register, status]}}
modules: {{}}
"""


class Ejabberd:
    def __init__(self, folder: Path):
        self.folder = folder
        version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "ejabberd"], capture_output=True, text=True)
        self.name = "ejabberd " + re.split("[-+]", version.stdout)[0]
        self.port = free_port()

    def __enter__(self) -> "Ejabberd":
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        configuration = self.folder / "ejabberd.yml"
        configuration.write_text(CONFIGURATION.format(port=self.port))
        # Without a node name Erlang stays alone: no epmd, no port for other nodes.
        self.server = Server(
            ["/usr/bin/erl", "+K", "true", "+P", "250000", "+Q", "65536", "-noinput",
             "-mnesia", "dir", f'"{self.folder}/mnesia"', "-s", "ejabberd"],
            self.folder,
            {"ERL_LIBS": EBIN, "EJABBERD_CONFIG_PATH": str(configuration), "HOME": str(self.folder),
             "EJABBERD_LOG_PATH": f"{self.folder}/ejabberd.log", "ERL_CRASH_DUMP_BYTES": "0"})
        try:
            self.server.wait_until(lambda: answers(f"http://127.0.0.1:{self.port}/api/status?"), 60)
        except RuntimeError:
            self.server.stop()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def plan(self, users: int, idle: int) -> dict:
        self.register([f"load{i}" for i in range(users)] + [f"idle{i}" for i in range(idle)])
        return {
            "language": "xmpp", "servers": [{"host": "127.0.0.1", "port": self.port}],
            "processes": [{"name": "ejabberd", "pids": [self.server.pid]}],
        }

    def register(self, names: list[str]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        for name in names:
            body = json.dumps({"user": name, "host": "localhost", "password": PASSWORD})
            connection.request("POST", "/api/register", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"ejabberd does not register {name}: {answer.status}")

"""supervisord of Debian, with a configuration and a socket of its own; not the one the system may run."""

import hashlib
import http.client
import os
import signal
import socket
import subprocess
import time
import xmlrpc.client
from pathlib import Path

from . import files
from .programs import Plan

SOCKET_PATH_MAX = 100  # bytes; Linux allows 107, and supervisord binds a name some bytes longer first
STOP_SECONDS = 40


def socket_path(run: Path) -> Path:
    path = run / "supervisor.sock"
    if len(os.fsencode(path)) + 12 <= SOCKET_PATH_MAX:
        return path
    return Path("/tmp") / f"switchboard-{hashlib.sha256(os.fsencode(run)).hexdigest()[:16]}.sock"


def configuration(plan: Plan) -> str:
    run = plan.settings.run
    user = "user=root\n" if os.geteuid() == 0 else ""
    text = f"""\
[unix_http_server]
file={quoted(socket_path(run))}
chmod=0700
[supervisord]
{user}nodaemon=true
directory={quoted(run)}
logfile={quoted(run)}/logs/supervisord.log
logfile_maxbytes=10MB
pidfile={quoted(run)}/supervisord.pid
childlogdir={quoted(run)}/logs
minfds={plan.settings.files_max}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{quoted(socket_path(run))}
"""
    services: dict[str, list[str]] = {}
    for program in plan.programs:
        services.setdefault(program.service, []).append(program.name)
        environment = ",".join(f'{name}="{quoted(value)}"' for name, value in program.environment.items())
        # startsecs=0: whatever ends is started again, at once and for ever; it never counts as failed.
        text += f"""\
[program:{program.name}]
command={quoted(" ".join(program.command))}
priority={program.priority}
environment={environment}
directory={quoted(run)}
autorestart=true
startsecs=0
startretries=1000000
stopwaitsecs={program.stop_seconds}
redirect_stderr=true
stdout_logfile={quoted(run)}/logs/{program.name}.log
stdout_logfile_maxbytes=50MB
stdout_logfile_backups=2
"""
    for service, names in services.items():
        if names != [service]:
            priority = next(p.priority for p in plan.programs if p.service == service)
            text += f"[group:{service}]\nprograms={','.join(names)}\npriority={priority}\n"
    return text


def quoted(text) -> str:
    return str(text).replace("%", "%%")


def start(plan: Plan) -> subprocess.Popen:
    """Starts it in a session of its own, so that Ctrl-C reaches only whoever waits for it."""
    run = plan.settings.run
    files.write(run / "supervisord.conf", configuration(plan))
    out = open(run / "logs/supervisord.out", "w")
    return subprocess.Popen(
        ["/usr/bin/supervisord", "-n", "-c", str(run / "supervisord.conf")],
        stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd=run)


def running_pid(run: Path) -> int | None:
    """The supervisord of this folder, if it lives."""
    try:
        pid = int((run / "supervisord.pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if os.fsencode(run / "supervisord.conf") in command.split(b"\0") else None


def stop(run: Path) -> bool:
    """Ends the stack of this folder; whether there was one. What a supervisor that was killed left behind ends too."""
    pid = running_pid(run)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while running_pid(run) == pid and not is_zombie(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                break
            wake(run)
            time.sleep(0.05)
    (run / "connection.json").unlink(missing_ok=True)
    left = end_leftovers(run)
    return pid is not None or left > 0


def wake(run: Path) -> None:
    """Makes supervisord turn: left alone it looks only once a second whether it can go on."""
    try:
        ask(run).getState()
    except (OSError, http.client.HTTPException, xmlrpc.client.Error):
        pass


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


# As the kernel knows them: 15 bytes at most.
OURS = {
    name[:15]
    for name in (
        "token-service", "room-allocator", "call-orchestrator", "signaling-gateway", "callback-dispatcher",
        "embedded-log", "redis-server", "nginx", "turnserver")
}


def leftovers(run: Path, names: set[str] = OURS) -> list[int]:
    """Programs of this folder by name: they work in it, or in a folder of it."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if program_name(entry) in names and Path(os.readlink(entry / "cwd")).is_relative_to(run.resolve()):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def program_name(entry: Path) -> str:
    """The name of the file that runs: threads and titles may call themselves otherwise."""
    return Path(os.readlink(entry / "exe").removesuffix(" (deleted)")).name.replace("redis-check-rdb", "redis-server")[:15]


def end_leftovers(run: Path, names: set[str] = OURS, seconds: float = 5) -> int:
    found = leftovers(run, names)
    for kind, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, seconds)):
        for pid in leftovers(run, names):
            try:
                os.kill(pid, kind)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + patience
        while leftovers(run, names) and time.monotonic() < deadline:
            time.sleep(0.05)
    return len(found)


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: Path):
        super().__init__()
        self.path = path

    def make_connection(self, host):
        connection = http.client.HTTPConnection("localhost", timeout=5)

        def connect():
            connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.sock.settimeout(5)
            connection.sock.connect(str(self.path))

        connection.connect = connect
        return connection


def ask(run: Path):
    """Its remote interface: `ask(run).getAllProcessInfo()`."""
    return xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(socket_path(run))).supervisor

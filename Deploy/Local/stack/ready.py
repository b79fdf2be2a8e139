"""Waiting until every part of a stack answers."""

import socket
import time
import urllib.error
import urllib.request

from .programs import Plan, Program


def wait(plan: Plan, still_runs) -> list[str]:
    """Waits for all; what is missing at the end, each with why. Says on the way what has come."""
    deadline = time.monotonic() + plan.settings.wait_seconds
    waiting = {p.name: p for p in plan.programs if p.listen}
    while True:
        why = {name: missing(program) for name, program in waiting.items()}
        for name in [n for n, reason in why.items() if reason is None]:
            print(f"  {name} is ready", flush=True)
            del waiting[name]
        if not waiting:
            return []
        if time.monotonic() > deadline or not still_runs():
            return [f"{name}: {reason}" for name, reason in why.items() if reason]
        time.sleep(0.1)


def missing(program: Program) -> str | None:
    """Why it is not ready, or nothing."""
    host, _, port = program.listen.rpartition(":")
    if not program.answers_readyz:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return None
        except OSError as error:
            return f"does not listen at {program.listen} ({error.strerror or error})"
    try:
        with urllib.request.urlopen(f"http://{program.listen}/readyz", timeout=1) as answer:
            return None if answer.status == 200 else f"answers {answer.status}"
    except urllib.error.HTTPError as error:
        return " ".join(error.read(500).decode(errors="replace").split()) or f"answers {error.code}"
    except OSError as error:
        return f"does not answer at {program.listen} ({getattr(error, 'reason', error)})"

"""Runs the cases one after the other on one stack, each with a line of its own."""

import asyncio
import signal
import sys
import time
import traceback

from .cases import callbacks, devices, kills, outages
from .stack import Stack
from .waiting import Fault, Missing

CASE_SECONDS = 120


def main(only: list[str]) -> int:
    cases = [case for group in (devices, callbacks, outages, kills) for case in group.cases()]
    chosen = [(name, do) for name, do in cases if not only or any(word in name for word in only)]
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    stack, failed, passed = Stack(), 0, 0
    try:
        stack.start()
        for name, do in chosen:
            began = time.monotonic()
            fault, remark = run(do, stack)
            seconds = time.monotonic() - began
            print(f"{'not ok' if fault else 'ok':6} {seconds:5.1f} s  {name}{f' ({remark})' if remark else ''}", flush=True)
            if fault:
                print("".join(f"         {line}\n" for line in fault.splitlines()), end="", flush=True)
            failed, passed = failed + bool(fault), passed + (not fault)
    finally:
        stack.end(keep=failed > 0)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0


def run(do, stack: Stack) -> tuple[str | None, str | None]:
    """What was wrong, or nothing; and what is worth telling."""
    try:
        return None, asyncio.run(asyncio.wait_for(do(stack), CASE_SECONDS))
    except (Fault, Missing) as problem:
        return f"{problem}", None
    except Exception:
        return traceback.format_exc(), None

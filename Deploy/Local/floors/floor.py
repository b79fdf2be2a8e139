"""One floor: a command, and how many of its tests passed and failed by its own account."""

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Callable


@dataclass
class Count:
    passed: int
    failed: int
    skipped: int = 0


def plain(output: str) -> Count | None:
    """Runners that end with a line `N passed, N failed`, and `, N left out` where they leave something out."""
    found = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) (?:skipped|left out))?$", output, re.MULTILINE)
    return Count(int(found[-1][0]), int(found[-1][1]), int(found[-1][2] or 0)) if found else None


@dataclass
class Floor:
    name: str
    command: list[str]
    count: Callable[[str], Count | None] = plain
    limit_seconds: float = 600
    # Lines that begin so are not shown; the last of them are, when nobody counted.
    quiet: str | None = None


@dataclass
class Outcome:
    name: str
    count: Count
    seconds: float
    remark: str = ""


def run_all(floors: list[Floor], only: list[str] = ()) -> list[Outcome]:
    """Runs them in order; with `only`, those whose name holds one of the words."""
    chosen = [f for f in floors if not only or any(word in f.name for word in only)]
    return [run(floor) for floor in chosen]


def run(floor: Floor) -> Outcome:
    print(f"\n── {floor.name}: {' '.join(floor.command)}", flush=True)
    start = time.monotonic()
    output, code = follow(floor)
    count = floor.count(output)
    remark = ""
    if count is None:
        # Nobody counted: it crashed or was ended, and that is one failure.
        count, remark = Count(0, 1), f"ended with {code} and no closing line"
        print("The last lines were:", *output.splitlines()[-12:], sep="\n  ", flush=True)
    elif code != 0 and count.failed == 0:
        count, remark = Count(count.passed, 1, count.skipped), f"ended with {code}"
    return Outcome(floor.name, count, time.monotonic() - start, remark)


def follow(floor: Floor) -> tuple[str, int | str]:
    """Its output, shown as it comes, and how it ended. Past its limit it is ended with all it started."""
    process = subprocess.Popen(
        floor.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", start_new_session=True)
    lines = []
    with Limit(process, floor.limit_seconds) as limit:
        for line in process.stdout:
            lines.append(line)
            if not floor.quiet or not line.startswith(floor.quiet):
                print(line, end="", flush=True)
        process.wait()
    return "".join(lines), "its time limit" if limit.was_reached else process.returncode


class Limit:
    def __init__(self, process: subprocess.Popen, seconds: float):
        self.process, self.seconds, self.was_reached = process, seconds, False

    def __enter__(self):
        def end(*_):
            self.was_reached = True
            os.killpg(self.process.pid, signal.SIGKILL)

        signal.signal(signal.SIGALRM, end)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)
        return self

    def __exit__(self, kind, *_):
        signal.setitimer(signal.ITIMER_REAL, 0)
        if kind:
            os.killpg(self.process.pid, signal.SIGTERM)


def report(outcomes: list[Outcome]) -> int:
    """Prints one line per floor and the sum; the code to end with."""
    print("\nfloor                        passed  failed  seconds")
    for o in outcomes:
        skipped = f"  {o.count.skipped} skipped" if o.count.skipped else ""
        remark = f"  {o.remark}" if o.remark else "" if o.count.passed + o.count.failed else "  has no tests"
        print(f"{o.name:28} {o.count.passed:6} {o.count.failed:7} {o.seconds:8.1f}{skipped}{remark}")
    failed = sum(o.count.failed for o in outcomes)
    print(f"{sum(o.count.passed for o in outcomes)} passed, {failed} failed", flush=True)
    return 1 if failed or not outcomes else 0

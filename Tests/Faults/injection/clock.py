"""A copy of the call-orchestrator whose clock is off joins the others.

Its clock is turned by a library of a few lines that is preloaded. Debian's libfaketime was tried first: with it the timed
waits of librdkafka's threads come out wrong, and such a copy takes half a minute to join its group."""

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from faults.stack import fetch, free_port
from faults.waiting import Missing

from .field import Field

SOURCE = Path(__file__).with_name("shifted_clock.c")
WITH_US_SECONDS = 30.0
WITHDRAWN = re.compile(rb'^switchboard_ledger_withdrawn\{ledger="calls"\} 1(?:\.0*)?$', re.MULTILINE)


async def is_off(field: Field, seconds: int):
    with tempfile.TemporaryDirectory(prefix="switchboard-clock-") as folder:
        library = Path(folder) / "shifted-clock.so"
        subprocess.run([compiler(), "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
        started: list[subprocess.Popen] = []
        port = free_port()
        await field.moment(
            f"an orchestrator whose clock is {seconds:+d} s off joins",
            lambda: started.append(start(field, library, seconds, Path(folder), port)))
        try:
            await asyncio.sleep(WITH_US_SECONDS)
            _, metrics = await field.run(fetch, f"http://127.0.0.1:{port}/metrics")
        finally:
            started[0].terminate()
            await field.run(started[0].wait)
        whose = f"the copy whose clock is {seconds:+d} s off"
        log = log_of(field).read_text(errors="replace")
        field.owes("seen", text=f"partitions refused by {whose}", has=log.count("off the log's"), least=1)
        field.owes("seen", text=f"{whose} has left its group", has=len(WITHDRAWN.findall(metrics)), least=1)
    await asyncio.sleep(10)


def compiler() -> str:
    found = next((name for name in ("clang", "cc", "gcc") if shutil.which(name)), None)
    if not found:
        raise Missing("a C compiler, for the clock (clang comes with the Swift toolchain)")
    return found


def log_of(field: Field) -> Path:
    return field.stack.run / "logs/call-orchestrator-clock.log"


def start(field: Field, library: Path, seconds: int, folder: Path, port: int) -> subprocess.Popen:
    """As its siblings are, but for its name, its files, its port and its clock."""
    sibling = field.stack.pid_of("call-orchestrator", 1)
    environment = dict(
        text.split("=", 1) for text in Path(f"/proc/{sibling}/environ").read_text().split("\0") if "=" in text)
    environment |= {
        "SWITCHBOARD_INSTANCE": "call-orchestrator-clock", "SWITCHBOARD_DATA": str(folder),
        "SWITCHBOARD_LISTEN": f"127.0.0.1:{port}", "LD_PRELOAD": str(library), "CLOCK_SHIFT": str(seconds)}
    with open(log_of(field), "w") as log:
        return subprocess.Popen(
            [os.readlink(f"/proc/{sibling}/exe")], env=environment, cwd=folder, stdout=log, stderr=log)

"""A copy of the call-orchestrator whose clock is off joins the others, with libfaketime of Debian."""

import asyncio
import os
import subprocess
import tempfile
from glob import glob
from pathlib import Path

from faults.stack import free_port
from faults.waiting import Missing

from .field import Field

LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"
WITH_US_SECONDS = 30.0


async def is_off(field: Field, seconds: int):
    library = next(iter(glob(LIBRARY)), None)
    if library is None:
        raise Missing("libfaketime is not installed (Debian: faketime)")
    with tempfile.TemporaryDirectory(prefix="switchboard-clock-") as folder:
        started: list[subprocess.Popen] = []
        await field.moment(
            f"an orchestrator whose clock is {seconds:+d} s off joins",
            lambda: started.append(start(field, library, seconds, Path(folder))))
        try:
            await asyncio.sleep(WITH_US_SECONDS)
        finally:
            started[0].terminate()
            await field.run(started[0].wait)
        log = (Path(folder) / "log").read_text(errors="replace")
        refused = log.count("off the log's")
        field.remark(f"{refused} partitions refused by the copy whose clock is {seconds:+d} s off")
        if not refused:
            raise Missing(f"a word of the copy about its clock; it said:\n{log[-2000:]}")
    await asyncio.sleep(10)


def start(field: Field, library: str, seconds: int, folder: Path) -> subprocess.Popen:
    """As its siblings are, but for its name, its files, its port and its clock."""
    sibling = field.stack.pid_of("call-orchestrator", 1)
    environment = dict(
        text.split("=", 1) for text in Path(f"/proc/{sibling}/environ").read_text().split("\0") if "=" in text)
    environment |= {
        "SWITCHBOARD_INSTANCE": "call-orchestrator-clock", "SWITCHBOARD_DATA": str(folder),
        "SWITCHBOARD_LISTEN": f"127.0.0.1:{free_port()}", "LD_PRELOAD": library, "FAKETIME": f"{seconds:+d}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with open(folder / "log", "w") as log:
        return subprocess.Popen(
            [os.readlink(f"/proc/{sibling}/exe")], env=environment, cwd=folder, stdout=log, stderr=log)

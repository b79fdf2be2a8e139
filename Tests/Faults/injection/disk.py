"""A disk that is full: the broker's data, of several nodes one node's, stand on a small file system in memory."""

import asyncio
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from faults.waiting import Missing

if TYPE_CHECKING:
    from .field import Field

HURT_NODE = 1  # of several; the others stay as they are
SIZE = "640m"
ROOM_LEFT = 32 << 20
STEPS = (1 << 20, 64 << 10, 4 << 10)
FULL_SECONDS = 15.0
BACK_SECONDS = 25.0
FULL = "No space left on device", "the disk is full"


class SmallDisk:
    """Mounted before the stack starts, and let go when it has ended; needs root."""

    def __init__(self, folder: Path):
        self.folder = folder

    def mount(self):
        self.folder.mkdir(parents=True, mode=0o700)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", str(self.folder)], capture_output=True, text=True)
        if done.returncode != 0:
            raise Missing(f"a small file system for the broker (root may mount one): {done.stderr.strip()}")

    def unmount(self):
        subprocess.run(["umount", "-l", str(self.folder)], capture_output=True)

    @property
    def filler(self) -> Path:
        return self.folder / ".filler"

    def nearly_fill(self):
        free = os.statvfs(self.folder)
        with open(self.filler, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - ROOM_LEFT)

    def fill(self):
        """To the last page, and at once; the broker goes on writing while it is done."""
        size = os.path.getsize(self.filler)
        with open(self.filler, "ab") as file:
            for step in STEPS:
                with suppress(OSError):
                    while True:
                        os.posix_fallocate(file.fileno(), size, step)
                        size += step

    def free(self):
        self.filler.unlink()


async def is_full(field: "Field"):
    disk = field.stack.disk
    await field.run(disk.nearly_fill)
    await field.moment(f"the disk of {field.stack.broker_name} full for {FULL_SECONDS:g} s", disk.fill)
    await asyncio.sleep(FULL_SECONDS)
    await field.run(disk.free)
    field.crowd.history.note("woken", name="disk")
    if field.stack.kafka:
        # A node whose only disk has failed ends; it is started again when there is room.
        await field.run(lambda: field.stack.bring_back_kafka(HURT_NODE))
    else:
        said = (await field.run(field.stack.logs)).get("embedded-log.log", "")
        field.owes("seen", text="words of the broker that its disk is full", least=1,
                   has=sum(said.count(words) for words in FULL))
    await asyncio.sleep(BACK_SECONDS)

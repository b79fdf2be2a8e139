"""What a fault has in its hands: the stack, the crowd, and how much of everything there should be."""

import asyncio
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from signal import SIGCONT, SIGSTOP

from faults.stack import fetch
from population.crowd import Crowd

from .stack import FaultStack

ALLOCATOR = "room-allocator"
OWNED = re.compile(r'^switchboard_ledger_owned\{ledger="(\w+)",partition="(\d+)"\} 1(?:\.0*)?$', re.MULTILINE)


@dataclass
class Field:
    stack: FaultStack
    crowd: Crowd
    held: int
    connecting: int
    is_short: bool = False
    remarks: list[str] = field(default_factory=list)

    async def moment(self, name: str, strike: Callable[[], object], by_sent: bool = False) -> float:
        """When it struck (seconds, wall clock). `strike` comes while so many calls ring, connect and talk; it must not
        block for long. It returns the pids that it has dealt with, or nothing.

        `by_sent`: the stroke waits for accepts that were sent rather than for those that were answered: it falls while
        they are being decided.

        A call connects in a few milliseconds: so that many do so at once, the allocators stand still while the answers
        are given, and go on with the stroke."""
        allocators: list[int] = []
        struck_at = 0.0

        def hold():
            allocators.extend(self.stack.send(ALLOCATOR, None, SIGSTOP))

        def strike_and_go_on():
            nonlocal struck_at
            struck_at = time.time()
            dealt_with = ()
            try:
                dealt_with = strike() or ()
            finally:
                for pid in set(allocators) - set(dealt_with):
                    with suppress(ProcessLookupError):
                        os.kill(pid, SIGCONT)

        await self.crowd.moment(name, hold, strike_and_go_on, self.held, self.connecting, by_sent)
        return struck_at

    async def run(self, work, *arguments):
        return await asyncio.to_thread(work, *arguments)

    def owes(self, kind: str, **more):
        """What this fault must have left behind, for the checker (checker/bite.py)."""
        self.crowd.history.note("owes", kind=kind, **more)

    async def owned(self, service: str, number: int) -> dict[str, list[int]]:
        """Which partitions of which ledgers this copy decides, counted from 1; by its own word."""
        address = self.stack.connection["services"][service][number - 1]
        _, text = await self.run(fetch, f"http://{address}/metrics")
        found: dict[str, list[int]] = {}
        for ledger, partition in OWNED.findall(text.decode()):
            found.setdefault(ledger, []).append(int(partition))
        return found

    def remark(self, text: str):
        self.remarks.append(text)

"""All faults by name, in the order in which they are run."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from . import owners
from .field import Field


@dataclass
class Fault:
    name: str
    do: Callable[[Field], Awaitable[None]]
    # Part of the short round, where several faults meet one crowd.
    is_short: bool = False


FAULTS = [
    Fault("orchestrator killed", lambda f: owners.killed(f, owners.ORCHESTRATOR), is_short=True),
    Fault("orchestrators killed", lambda f: owners.all_killed(f, owners.ORCHESTRATOR)),
    Fault("allocator killed", lambda f: owners.killed(f, owners.ALLOCATOR)),
    Fault("orchestrator paused 15 s", lambda f: owners.paused(f, owners.ORCHESTRATOR, 15), is_short=True),
    Fault("orchestrator paused 40 s", lambda f: owners.paused(f, owners.ORCHESTRATOR, 40)),
    Fault("allocator paused 20 s", lambda f: owners.paused(f, owners.ALLOCATOR, 20)),
    Fault("partitions of calls moved to and fro", lambda f: owners.moved_to_and_fro(f, owners.ORCHESTRATOR, 5)),
    Fault("partitions of rooms and users moved to and fro", lambda f: owners.moved_to_and_fro(f, owners.ALLOCATOR, 5)),
]

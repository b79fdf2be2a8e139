"""All faults by name, in the order in which they are run."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from signal import SIGKILL, SIGTERM

from . import clients, clock, closed, disk, inboxes, owners, surroundings
from .field import ALLOCATOR, Field


@dataclass
class Fault:
    name: str
    do: Callable[[Field], Awaitable[None]]
    # Part of the short round, where several faults meet one crowd.
    is_short: bool = False
    # The broker's data must stand on a disk that can be filled.
    fills_disk: bool = False


FAULTS = [
    Fault("orchestrator killed", lambda f: owners.killed(f, owners.ORCHESTRATOR), is_short=True),
    Fault("orchestrators killed", lambda f: owners.all_killed(f, owners.ORCHESTRATOR)),
    Fault("allocator killed", lambda f: owners.killed(f, ALLOCATOR)),
    Fault("orchestrator paused 15 s", lambda f: owners.paused(f, owners.ORCHESTRATOR, 15)),
    Fault("orchestrator paused 40 s", lambda f: owners.paused(f, owners.ORCHESTRATOR, 40)),
    Fault("allocator paused 20 s", lambda f: owners.paused(f, ALLOCATOR, 20)),
    Fault("two owners at once", lambda f: owners.two_at_once(f, *((1, 1) if f.is_short else (4, 8))), is_short=True),
    Fault("partitions of calls moved to and fro", lambda f: owners.moved_to_and_fro(f, owners.ORCHESTRATOR, 5)),
    Fault("partitions of rooms and users moved to and fro", lambda f: owners.moved_to_and_fro(f, ALLOCATOR, 5)),
    Fault("broker terminated and started again", lambda f: surroundings.broker_ended(f, SIGTERM)),
    Fault("broker killed", lambda f: surroundings.broker_ended(f, SIGKILL)),
    Fault("broker's disk full for 15 s", disk.is_full, fills_disk=True),
    Fault("Kafka's clients give up", clients.give_up),
    Fault("Redis killed", lambda f: surroundings.redis_ended(f, SIGKILL)),
    Fault("Redis terminated and started again", lambda f: surroundings.redis_ended(f, SIGTERM)),
    Fault("Redis flushed", lambda f: surroundings.redis_flushed(f, 4)),
    Fault("Redis unreachable for 20 s", lambda f: surroundings.redis_stands_still(f, 20)),
    Fault("Redis refuses for 20 s", lambda f: closed.redis_is_refused(f, 20)),
    Fault("a clock 30 s ahead", lambda f: clock.is_off(f, 30)),
    Fault("a clock 30 s behind", lambda f: clock.is_off(f, -30)),
    Fault("callback-dispatcher 60 s behind", lambda f: surroundings.dispatcher_behind(f, 60)),
    Fault("inbox records doubled and reordered", inboxes.doubled),
]

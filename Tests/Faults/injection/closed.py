"""A Redis that is not there for a while: whoever connects is refused at once, and whoever was connected is hung up on."""

import asyncio

from .field import Field
from .surroundings import client_ages, users_of_redis

BACK_SECONDS = 15.0


async def redis_is_refused(field: Field, seconds: float):
    """Killed, and not started again until then: it comes back empty."""
    stack = field.stack
    pid = stack.pids("redis")[0]
    orders: list[asyncio.Task] = []
    await field.moment(
        f"Redis killed, and its port closed for {seconds:g} s",
        lambda: orders.append(asyncio.create_task(field.run(stack.stop_and_kill, "redis", pid))))
    await orders[0]
    await asyncio.sleep(seconds)
    await field.run(stack.control, "start", "redis")
    field.crowd.history.note("woken", name="redis")
    await asyncio.sleep(BACK_SECONDS)
    field.owes("seen", text="connections to the Redis that was started again", least=users_of_redis(field),
               has=len(await field.run(client_ages, stack)))

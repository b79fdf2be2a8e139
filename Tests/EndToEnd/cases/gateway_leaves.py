"""A gateway is told to end while people call over it."""

import asyncio
import shlex
import time

import websockets

from stage.client import SUBPROTOCOL, AsyncCase, call, connected_pair
from stage.runner import stage

GOING_AWAY = 4503
LEAVING = 2


class GatewayLeaves(AsyncCase):
    """The second gateway is stopped; it is started again however a test ends."""

    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.addAsyncCleanup(self.started_again)

    async def test_a_client_that_is_told_to_move_does_so_without_missing_a_word_of_its_call(self):
        ulla, vera = await connected_pair("ulla", "vera")
        identifier = await call(ulla, vera)
        stopping = self.stop()
        self.assertGreater((await vera.event("goaway"))["reconnectInMs"], 0)
        # It goes on as long as its client is here.
        await vera.asked("call.sync", callId=identifier)
        moved = await vera.moved(gateway=0)
        snapshot = await moved.event("call.snapshot", callId=identifier)
        self.assertTrue(snapshot["self"]["inside"])
        self.assertEqual((await stopping).returncode, 0)
        await ulla.asked("signal", roomId=identifier, to="vera", payload="still there")
        self.assertEqual((await moved.event("signal", roomId=identifier))["payload"], "still there")
        await moved.asked("call.end", callId=identifier)
        await ulla.event("call.ended", callId=identifier)
        for one in (ulla, moved):
            await one.close()

    async def test_nobody_new_is_let_in_and_who_stays_is_closed_as_going_away(self):
        wim, xenia = await connected_pair("wim", "xenia")
        begun = time.monotonic()
        stopping = self.stop()
        within = (await xenia.event("goaway"))["reconnectInMs"] / 1000
        with self.assertRaises(websockets.InvalidStatus) as refused:
            await websockets.connect(xenia.url, subprotocols=[SUBPROTOCOL], proxy=None)
        self.assertEqual(refused.exception.response.status_code, 503)
        # The front door knows of another.
        front = stage.stack.base.replace("http", "ws", 1) + "/ws"
        for _ in range(4):
            async with websockets.connect(front, subprotocols=[SUBPROTOCOL], proxy=None):
                pass
        self.assertEqual(await xenia.ended(), GOING_AWAY)
        self.assertGreaterEqual(time.monotonic() - begun, within)
        self.assertEqual((await stopping).returncode, 0)
        await wim.close()

    def stop(self) -> asyncio.Task:
        return asyncio.create_task(self.control("stop"))

    async def started_again(self):
        await self.control("start")
        await asyncio.to_thread(stage.stack.wait_for, "signaling-gateway", LEAVING)

    async def control(self, order: str):
        command = [*shlex.split(stage.stack.known["control"][order]), "signaling-gateway", str(LEAVING)]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        await process.wait()
        return process

"""The stack is stopped and started again in the same folder."""

import asyncio

from stage.client import AsyncCase, Client, call, connected_pair
from stage.runner import stage


class SecondStart(AsyncCase):
    async def test_a_second_start_still_knows_the_calls_and_keys_of_the_first(self):
        stack = stage.stack
        abel, bea = await connected_pair("abel", "bea")
        identifier = await call(abel, bea)
        await bea.asked("call.end", callId=identifier)
        log = (await abel.event("call.ended", callId=identifier))["log"]
        await bea.event("call.ended", callId=identifier)
        token, key = stack.token("abel"), stack.known["appKey"]
        before = self.told(identifier)
        await abel.close()
        await bea.close()

        await asyncio.to_thread(stack.stop)
        await asyncio.to_thread(stack.start)
        self.assertEqual(stack.known["appKey"], key)
        self.assertEqual(self.told(identifier), before)
        again = Client("abel", stack.known["gateways"][0])
        await again.dial()
        self.assertEqual((await again.ask("connect", token=token, deviceId="abel-2", platform="web"))["code"], 0)
        logs = (await again.asked("call.logs", count=10, order=1))["logs"]
        self.assertEqual([one["endReason"] for one in logs if one["callId"] == identifier], [log["endReason"]])
        await again.close()

    def told(self, identifier):
        stack = stage.stack
        seen = stack.get(f"/v1/calls/{identifier}")
        return seen, stack.timeline(identifier), stack.get(f"/v1/sessions/{seen['sessionId']}")

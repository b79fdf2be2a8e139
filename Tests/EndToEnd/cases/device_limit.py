"""More devices of one platform than a user may have."""

from stage.client import AsyncCase, Client, call, connected_pair

REPLACED = 31010
CLOSED_REPLACED = 4409
OTHER_LOGIN_REMOTE = 1212


class DeviceLimit(AsyncCase):
    async def test_a_sixth_device_pushes_the_oldest_out_of_its_call(self):
        yara, zeno = await connected_pair("yara", "zeno")
        identifier = await call(yara, zeno)
        others = [await Client.connected("zeno", number % 2) for number in range(5)]
        self.assertEqual((await zeno.event("kicked"))["reason"], REPLACED)
        self.assertEqual(await zeno.ended(), CLOSED_REPLACED)
        ended = await yara.event("call.ended", callId=identifier)
        self.assertEqual(ended["reason"], OTHER_LOGIN_REMOTE)
        for client in [yara, *others]:
            await client.asked("ping")
            await client.close()

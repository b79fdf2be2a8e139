"""Records that nobody of ours wrote, in every topic: one line in the log, and all goes on."""

import asyncio
import json

import api
from client import Client, check_alive, check_call
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from stack import until

INBOXES = {
    "switchboard.calls.inbox.v1": "call-orchestrator-1",
    "switchboard.rooms.inbox.v1": "room-allocator-1",
    "switchboard.users.inbox.v1": "room-allocator-1",
    "switchboard.registry.inbox.v1": "token-service-1",
}
OWNERS = sorted(set(INBOXES.values()))
LOGS = ["calls", "rooms", "users", "registry"]
UNREADABLE = [b"", b"hello", b"\xff\xfe\x00\x01", b"{", b"[]", b'{"input":7}', b"[" * 5000, b'{"input":{"nonsense":{}}}']
EXTREMES = (2**63 - 1, -(2**63), 2**31 - 1, -(2**31))


def partitions(stack, topic: str) -> list[int]:
    metadata = AdminClient({"bootstrap.servers": stack.known["kafkaBootstrap"]}).list_topics(topic, timeout=10)
    return sorted(metadata.topics[topic].partitions)


async def write(stack, topic: str, records: list[tuple[int, bytes | None, bytes | None]]) -> list[int]:
    """Appends partition, key and value of each; the offsets they got."""

    def append():
        offsets: dict[int, int] = {}
        failures = []
        producer = Producer({"bootstrap.servers": stack.known["kafkaBootstrap"], "linger.ms": 0})
        for number, (partition, key, value) in enumerate(records):

            def done(error, message, number=number):
                failures.append(error) if error else offsets.__setitem__(number, message.offset())

            producer.produce(topic, value, key, partition, on_delivery=done)
        producer.flush(10)
        assert not failures and len(offsets) == len(records), (topic, failures)
        return [offsets[number] for number in range(len(records))]

    return await asyncio.to_thread(append)


async def test_unreadable_records_in_an_inbox_leave_one_line_each_and_the_next_call_works(stack):
    for topic, program in INBOXES.items():
        mark = stack.log_mark(program)
        records = [(partition, key, value) for partition in partitions(stack, topic)
                   for key, value in zip([b"x", None, b"", b"\xff", b"a/b", b"/", b"//", b"x/"], UNREADABLE)]
        offsets = await write(stack, topic, records)
        await check_call(stack)

        def lines():
            return [line for line in stack.log_lines(program, mark) if "cannot be read" in line["message"]]

        await until(f"a line for each of {len(offsets)} records in {topic}", lambda: len(lines()) >= len(offsets))
        assert len(lines()) == len(offsets), (topic, len(lines()), len(offsets))
        told = sorted((line["partition"], line["offset"]) for line in lines())
        assert told == sorted((partition, offset) for (partition, _, _), offset in zip(records, offsets)), topic


async def test_what_an_inbox_can_read_and_no_one_should_say_hurts_nobody(stack):
    """Numbers at the end of their range, keys that name nothing, inputs for what does not exist."""
    golden = {
        "switchboard.calls.inbox.v1": golden_lines("CallInput.jsonl"),
        "switchboard.rooms.inbox.v1": golden_lines("RoomInput.jsonl"),
        "switchboard.users.inbox.v1": [{"user": line} for line in golden_lines("UserInput.jsonl")]
        + golden_lines("UserInput.jsonl"),
    }
    for topic, inputs in golden.items():
        records = []
        for index, document in enumerate(inputs):
            for partition in partitions(stack, topic)[:2]:
                for extreme in EXTREMES:
                    for key in (b"nobody/x", b"x"):
                        record = {"sentAt": extreme, "input": stretched(document, extreme)}
                        records.append((partition, key, json.dumps(record).encode()))
                        records.append((partition, key, json.dumps({"input": stretched(document, extreme)}).encode()))
        await write(stack, topic, records)
        await check_call(stack)
    await check_nobody_gives_up(stack)


async def check_nobody_gives_up(stack) -> None:
    """An owner that stumbles over a decision of its own would take its partition again and again."""
    mark = {program: stack.log_mark(program) for program in OWNERS}
    await asyncio.sleep(3)
    given_up = [line for program in OWNERS for line in stack.log_lines(program, mark[program])
                if "given up" in line["message"]]
    assert not given_up, given_up[:3]


def golden_lines(name: str) -> list:
    from stack import ROOT
    found = []
    for line in (ROOT / "Tests/ContractTests/Golden" / name).read_text().splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def stretched(document, number: int):
    """The same with every number at the end of its range."""
    if isinstance(document, dict):
        return {name: stretched(value, number) for name, value in document.items()}
    if isinstance(document, list):
        return [stretched(value, number) for value in document]
    return number if isinstance(document, int) and not isinstance(document, bool) and abs(document) > 2 else document


async def test_foreign_records_in_a_log_stop_nobody(stack):
    call = await check_call(stack, "lena", "lars")
    for name in LOGS:
        topic = f"switchboard.{name}.log.v1"
        records = [(partition, b"x", value) for partition in partitions(stack, topic) for value in UNREADABLE]
        await write(stack, topic, records)
        await check_call(stack)

    async def known():
        status, answer = await api.signed(stack, "call-orchestrator", "GET", f"/v1/calls/{call}/timeline")
        return status == 200 and len(answer["items"]) >= 3

    await until("the call of before in the view", known)
    await check_call(stack, "lena", "lars")
    async with Client(stack, "lena") as lena:
        await lena.login()

        async def listed():
            answer = await lena.request("call.logs", count=10, order=1)
            return answer["code"] == 0 and len(answer["data"]["logs"]) == 2

        await until("both calls in the history", listed)


async def test_who_starts_anew_reads_past_foreign_records(stack):
    await check_call(stack)
    for service in ("token-service", "call-orchestrator", "room-allocator", "signaling-gateway", "callback-dispatcher"):
        stack.control("stop", service)
        stack.control("start", service)

        async def ready():
            try:
                host = stack.address(service)
                return (await api.raw(host, b"GET /readyz HTTP/1.0\r\nHost: x\r\n\r\n")).startswith(b"HTTP/1.1 200")
            except OSError:
                return False

        await until(f"{service} ready again", ready, 30)
    await settled(stack)
    await check_call(stack)


async def settled(stack) -> None:
    """Until connection.json names the processes of now."""
    await until("every process known", lambda: all(stack.running().values()))
    stack.note_deaths()


async def test_unreadable_deliveries_leave_one_line_each_and_disturb_no_connection(stack):
    topic, program = "switchboard.gateway.deliveries.v1", "signaling-gateway-1"
    async with Client(stack) as client:
        await client.login()
        mark = stack.log_mark(program)
        everywhere = partitions(stack, topic)
        values = [b"", b"hello", b"\xff", b"[]", b'{"entries":7}', b'{"entries":[{"gateway":7}]}']
        await write(stack, topic, [(partition, b"", value) for partition in everywhere for value in values])

        def lines():
            return [line for line in stack.log_lines(program, mark) if "cannot be read" in line["message"]]

        # A gateway reads one partition alone.
        await until("a line for each", lambda: len(lines()) >= len(values))
        await check_alive(client)
        assert len(lines()) == len(values), lines()
        odd = [{"gateway": "nobody", "number": n, "frame": {"type": "x"}} for n in EXTREMES]
        await write(stack, topic, [(p, b"", json.dumps({"entries": odd}).encode()) for p in everywhere])
        await check_alive(client)
        assert not [frame for frame in client.left() if frame.get("type") == "x"]
    await check_call(stack)


async def test_unreadable_records_in_the_other_topics_disturb_nobody(stack):
    for topic in ("switchboard.queries.v1", "switchboard.calls.records.v1", "switchboard.callbacks.v1",
                  "switchboard.callbacks.deliveries.v1"):
        records = [(partition, key, value) for partition in partitions(stack, topic)
                   for key in (b"x", None, b"a/b") for value in UNREADABLE]
        await write(stack, topic, records)
        await check_call(stack)
    async with Client(stack, "quin") as quin, Client(stack, "quax") as quax:
        await check_call(stack, "quin", "quax")
        for client in (quin, quax):
            await client.login()

            async def listed():
                answer = await client.request("call.logs", count=10, order=1)
                return answer["code"] == 0 and len(answer["data"]["logs"]) == 1

            await until(f"the call in the history of {client.user}", listed)

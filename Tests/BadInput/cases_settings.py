"""Processes that are told wrong things: they end at once, with all of it listed."""

import asyncio
import re
import time

COMMON_WRONG = {
    "SWITCHBOARD_LISTEN": "nowhere",
    "SWITCHBOARD_LOG_LEVEL": "loud",
    "SWITCHBOARD_NONSENSE": "1",
}
SERVICE_WRONG = COMMON_WRONG | {
    "SWITCHBOARD_PARTITIONS": "0",
    "SWITCHBOARD_REPLICATION": "many",
    "SWITCHBOARD_KAFKA": "no port here",
    "SWITCHBOARD_REDIS": "http://127.0.0.1",
}
WRONG = {
    "embedded-log": COMMON_WRONG | {
        "SWITCHBOARD_FSYNC": "sometimes", "SWITCHBOARD_FSYNC_INTERVAL": "50", "SWITCHBOARD_ADVERTISE": "x:y:z"},
    "token-service": SERVICE_WRONG | {"SWITCHBOARD_DEMO": "perhaps", "SWITCHBOARD_TOKEN_LIFETIME": "1 day"},
    "room-allocator": SERVICE_WRONG | {"SWITCHBOARD_VIEW": "no idea"},
    "call-orchestrator": SERVICE_WRONG | {"SWITCHBOARD_VIEW": "2", "SWITCHBOARD_ICE_TTL": "1"},
    "signaling-gateway": SERVICE_WRONG | {
        "SWITCHBOARD_CONNECTIONS_MAX": "-1", "SWITCHBOARD_ICE_TTL": "soon", "SWITCHBOARD_TURN_URLS": "http://x"},
    "callback-dispatcher": SERVICE_WRONG | {
        "SWITCHBOARD_WEBHOOK_ALLOW_PRIVATE": "maybe", "SWITCHBOARD_WEBHOOK_RETRY_FIRST": "5"},
}
ENDS_WITHIN_SECONDS = 5


async def ended(stack, program: str, environment: dict) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        stack.programs / program, env=environment, cwd=stack.run, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    try:
        output, _ = await asyncio.wait_for(process.communicate(), ENDS_WITHIN_SECONDS)
    except asyncio.TimeoutError:
        process.kill()
        raise AssertionError(f"{program} still runs with {environment}") from None
    return process.returncode, output.decode(errors="replace")


async def test_wrong_settings_end_each_process_at_once_with_all_problems_listed(stack):
    for program, wrong in WRONG.items():
        start = time.monotonic()
        # SWITCHBOARD_DATA is not set: required, and listed with the rest.
        code, output = await ended(stack, program, wrong)
        assert code == 2, (program, code, output)
        unlisted = [name for name in [*wrong, "SWITCHBOARD_DATA"] if f"  - {name}: " not in output]
        assert not unlisted, (program, unlisted, output)
        assert len(output.splitlines()) == len(wrong) + 2, (program, output)
        assert time.monotonic() - start < ENDS_WITHIN_SECONDS


async def test_without_any_setting_each_process_names_what_is_required(stack):
    for program in WRONG:
        code, output = await ended(stack, program, {})
        assert code == 2 and "SWITCHBOARD_DATA: is required" in output, (program, code, output)


async def test_settings_of_other_services_are_left_alone_and_slips_of_the_hand_are_not(stack):
    data = str(stack.run / "data/nobody")
    foreign = {name: "nonsense" for wrong in WRONG.values() for name in wrong if name not in SERVICE_WRONG}
    for program in WRONG:
        own = await own_settings(stack, program)
        rest = {name: value for name, value in foreign.items() if name not in own}
        assert rest, program
        code, output = await ended(
            stack, program, rest | {"SWITCHBOARD_DATA": data, "SWITCHBOARD_PARTITION": "8"})
        problems = [line for line in output.splitlines() if line.startswith("  - ")]
        assert code == 2 and problems == ["  - SWITCHBOARD_PARTITION: there is no such setting"], (program, output)


async def own_settings(stack, program: str) -> set[str]:
    """What it reads itself, by its own account."""
    process = await asyncio.create_subprocess_exec(
        stack.programs / program, "--settings", env={}, stdout=asyncio.subprocess.PIPE)
    output, _ = await asyncio.wait_for(process.communicate(), ENDS_WITHIN_SECONDS)
    assert process.returncode == 0, program
    return set(re.findall(r"^\| `(SWITCHBOARD_\w+)`", output.decode(), re.MULTILINE))


async def test_secrets_are_not_printed_with_the_problems(stack):
    code, output = await ended(
        stack, "token-service", {"SWITCHBOARD_ADMIN_TOKEN": "hush-hush-hush", "SWITCHBOARD_REDIS": "redis//:hush@x"})
    assert code == 2 and "hush" not in output, output

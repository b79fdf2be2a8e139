"""One fault after the other: a stack, a crowd, the fault, the judgement."""

import asyncio
import faulthandler
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import unittest
from dataclasses import dataclass, field
from pathlib import Path

import page
from benchmark import machine
from checker import census, judge, mirror, processes
from faults.waiting import Missing
from injection import topics
from injection.catalogue import FAULTS, Fault
from injection.field import Field
from injection.stack import FaultStack, named
from population.crowd import FINE, NOTHING, Crowd
from population.history import History, read
from stack.kafka import Kafka

HERE = Path(__file__).resolve().parent
CALLS_BEFORE = 0.3         # part of the calls that have begun when the fault comes
REST_SECONDS = 240.0       # until the last call has been told to its end
LIVE_LOOKS_MIN = 10        # at the mirror in Redis, while calls live
STANDS_STILL_SECONDS = 900  # no run takes so long: its threads say where they are
KAFKA_NODES = {"kafka": 1, "cluster": 3}
NOTHING_PART_MAX = 0.05    # runs have had up to 1.2 %, where a broker was away for half a minute
MOMENT_MIN = {"in flight": 100, "ringing": 20, "connecting": 20}


@dataclass
class Plan:
    calls: int = 2000
    rate: float = 25.0
    users: int = 400
    held: int = 170
    connecting: int = 35
    seed: int = 0
    commit: str = ""  # as the round began: its own rows change the tree
    broker: str = "embedded"
    is_short: bool = False
    moment_min: dict[str, int] = field(default_factory=lambda: MOMENT_MIN)


@dataclass
class Result:
    name: str
    broker: str
    seconds: float = 0.0
    calls: int = 0
    moments: list = field(default_factory=list)
    judgement: object = None
    patience: object = None
    outcomes: dict = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    # In a word each: why a run proves little though nothing was wrong. Each of them is one of the faults too.
    doubts: list[str] = field(default_factory=list)
    is_broken: bool = False  # it did not come to its end
    kept: Path | None = None


def run(result: Result, faults: list[Fault], plan: Plan):
    folder = Path(tempfile.mkdtemp(prefix="switchboard-histories-"))
    kafka = Kafka(KAFKA_NODES[plan.broker]) if plan.broker in KAFKA_NODES else None
    result.broker = named(kafka)
    began = time.monotonic()
    faulthandler.dump_traceback_later(STANDS_STILL_SECONDS)
    stack = None
    try:
        stack = FaultStack(kafka, any(fault.fills_disk for fault in faults))
        stack.start()
        evidence = asyncio.run(play(stack, faults, plan, folder, result))
        assess(evidence, plan, result)
        assess_processes(stack, faults, result)
        if result.faults:
            evidence.keep(folder)
    except Exception:
        result.faults.append(traceback.format_exc())
        result.is_broken = True
    except SystemExit:
        result.faults.append("ended before its end")
        result.is_broken = True
        raise
    finally:
        faulthandler.cancel_dump_traceback_later()
        if result.faults:
            result.kept = folder
            if stack:
                stack.keep(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
        if stack:
            stack.end(keep=False)
        result.seconds = time.monotonic() - began


async def play(stack: FaultStack, faults: list[Fault], plan: Plan, folder: Path, result: Result):
    history = History(folder / "history.jsonl", plan.seed)
    async with Crowd(stack, history, plan.seed, plan.users, plan.rate) as crowd:
        over = asyncio.Event()
        calling = asyncio.create_task(crowd.call_until(lambda: over.is_set() and crowd.begun >= plan.calls))
        field = Field(stack, crowd, plan.held, plan.connecting, plan.is_short)
        try:
            while crowd.begun < plan.calls * CALLS_BEFORE:
                await asyncio.sleep(0.1)
            for fault in faults:
                await fault.do(field)
            over.set()
            await calling
            await crowd.come_to_rest(REST_SECONDS)
        except Missing as problem:
            result.faults.append(f"{problem}")
            result.is_broken = True
        finally:
            calling.cancel()
        await asyncio.to_thread(topics.wait_for_rest, stack.bootstrap)
        await asyncio.to_thread(stack.looker.stop, is_at_rest=True)
        history.note("end")
        client_faults = [f"{device}: {fault}" for device in crowd.devices for fault in device.faults]
        result.calls, result.outcomes, result.remarks = crowd.begun, dict(crowd.outcomes), field.remarks
    history.close()
    evidence = await asyncio.to_thread(topics.read, stack.bootstrap)
    evidence.history, evidence.client_faults = read(folder / "history.jsonl"), client_faults
    evidence.looks = stack.looker.looks
    return evidence


def assess(evidence, plan: Plan, result: Result):
    result.judgement = judge(evidence)
    result.patience = census.patience(evidence)
    result.faults += result.judgement.findings.texts + evidence.client_faults[:20]
    broken = [line for line in evidence.history if line["what"] == "outcome" and line["outcome"] not in FINE]
    result.faults += [f"call {line['call']} ({line['kind']}): {line['outcome']}" for line in broken[:10]]
    result.moments = census.moments(evidence, result.judgement.calls)
    if (seen := result.judgement.findings.remarks[mirror.SEEN_LIVE]) < LIVE_LOOKS_MIN:
        result.faults.append(f"the mirror was seen right {seen} times while calls lived, which proves little")
    doubt_moments(result, plan)
    doubt_bites(result)


def doubt_moments(result: Result, plan: Plan):
    """Each stroke that a fault strikes by a moment must have met a full one."""
    if not result.moments or not all(is_full(count, plan) for _, count in result.moments):
        result.doubts.append("thin")
        result.faults.append(f"a moment was not full enough to prove much: at least {plan.moment_min}")


def doubt_bites(result: Result):
    """A fault that left nothing behind has not been tried, whatever else was right; nor has one whose calls were mostly
    over before anybody rang."""
    missing = list(result.judgement.bites.missing)
    nothing = result.outcomes.get(NOTHING, 0)
    if nothing > NOTHING_PART_MAX * result.calls:
        missing.append(f"{nothing} of {result.calls} calls were over before they rang (at most {NOTHING_PART_MAX:.0%})")
    if missing:
        result.doubts.append("did not bite")
        result.faults.append(f"did not bite: {'; '.join(missing)}")


def assess_processes(stack: FaultStack, faults: list[Fault], result: Result):
    """Ends the stack: how its processes leave is judged too."""
    words = stack.words()
    stack.stop()
    words.logs = stack.logs()
    result.faults += processes.check(words, [fault.name for fault in faults])


def is_full(count: census.Census, plan: Plan) -> bool:
    has = {"in flight": count.in_flight, "ringing": count.ringing, "connecting": count.connecting}
    return all(number >= plan.moment_min[what] for what, number in has.items())


def tell(result: Result):
    judgement = result.judgement
    print(f"{'not ok' if result.faults else 'ok':6} {result.seconds:6.1f} s  {result.name} ({result.broker})", flush=True)
    print(f"         {result.calls} calls; {result.outcomes}")
    for text in result.remarks:
        print(f"         {text}")
    for name, count in result.moments:
        print(f"         at “{name}”: {count.in_flight} in flight, {count.ringing} ringing, {count.connecting} connecting")
    if judgement:
        for ledger, reading in judgement.readings.items():
            print(f"         {ledger}.log: {len(reading.counted)} records count, {reading.markers} markers, "
                  f"{len(reading.zombies)} of zombies, {len(reading.skipped)} skipped")
        print(f"         checked: {dict(sorted(judgement.findings.checked.items()))}; {dict(judgement.findings.remarks)}")
        for text in judgement.bites.found:
            print(f"         bit: {text}")
        print(f"         {result.patience}")
    for fault in result.faults:
        print("".join(f"       ! {line}\n" for line in fault.splitlines()), end="")
    if result.kept:
        print(f"         history, topics and logs are kept in {result.kept}")
    sys.stdout.flush()


def main(words: list[str]) -> int:
    given = dict(word.split("=", 1) for word in words if "=" in word)
    only = [word for word in words if "=" not in word and word != "short"]
    is_short = "short" in words
    plan = Plan(seed=int(given.get("seed") or random.SystemRandom().randrange(2**32)), commit=machine.commit())
    plan.broker = given.get("broker", plan.broker)
    if is_short:
        plan.is_short = True
        plan.calls, plan.rate, plan.users, plan.held, plan.connecting = 400, 12.0, 150, 60, 12
        plan.moment_min = {"in flight": 50, "ringing": 10, "connecting": 5}
    plan.calls, plan.rate = int(given.get("calls", plan.calls)), float(given.get("rate", plan.rate))
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    chosen = [f for f in FAULTS if (f.is_short or not is_short) and (not only or any(word in f.name for word in only))]
    if not chosen:
        sys.exit(f"No fault's name holds one of {only}.")
    rounds = [(", then ".join(f.name for f in chosen), chosen)] if is_short else [(f.name, [f]) for f in chosen]
    own_failed, own_passed = judge_the_judge()
    print(f"Seed {plan.seed}", flush=True)
    results = []
    for name, faults in rounds:
        results.append(Result(name, plan.broker))
        try:
            run(results[-1], faults, plan)
        finally:
            tell(results[-1])
            if not is_short:
                page.put(results[-1], plan)
        results[-1].judgement = None  # the logs of a whole run hang on it
    failed = sum(1 for result in results if result.faults)
    print(f"{len(results) - failed + own_passed} passed, {failed + own_failed} failed", flush=True)
    return 1 if failed or own_failed or not results else 0


def judge_the_judge() -> tuple[int, int]:
    """The checker must be red on planted histories; how many of its tests failed and passed."""
    found = unittest.TestResult()
    unittest.defaultTestLoader.discover(str(HERE / "tests"), top_level_dir=str(HERE)).run(found)
    for test, text in found.failures + found.errors:
        print(f"not ok          {test}\n{text}", flush=True)
    failed = len(found.failures) + len(found.errors)
    print(f"{'not ok' if failed else 'ok':6}           the checker on planted histories: {found.testsRun} tests", flush=True)
    return failed, found.testsRun - failed

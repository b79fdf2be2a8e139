"""What `Deploy/Local/rolling` does: a stack under load, whose copies are stopped and started one by one."""

import json
import shutil
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from stack import supervisor
from stack.kafka import Kafka
from stack.settings import ROOT

from .page import table
from .switchboard import Switchboard
from .witnesses import Witnesses

# How many ledgers a service decides whose handing over is timed; token-service's, of four partitions, is not.
DECIDING = {"room-allocator": 2, "call-orchestrator": 1}
SERVICES = ("token-service", "room-allocator", "call-orchestrator", "callback-dispatcher", "signaling-gateway")
COPIES = 2
PARTITIONS = 8
WARM_UP_SECONDS = 3
# Between two measurements the load rests so long, and then warms up.
BETWEEN_SECONDS = 3
# The load goes on for so long around each restart.
SECONDS_PER_RESTART = 10
PATIENCE_SECONDS = 30
CALLBACKS_WITHIN_SECONDS = 60
FOLDER = ROOT / ".build/rolling"


@dataclass
class Restart:
    copy: str
    handed_over: float
    gone: float
    ready: float


@dataclass
class Rolling:
    rate: int
    users: int
    tokens: int
    limit_ms: int
    handover_seconds: float
    services: tuple[str, ...]
    copies: int
    programs: Path | None
    # Embedded-log where it is none; started and ended by who makes this.
    kafka: Kafka | None = None
    problems: list[str] = field(default_factory=list)
    checks: int = 0
    restarts: dict[str, list[Restart]] = field(default_factory=dict)
    calls: dict[str, dict] = field(default_factory=dict)

    @property
    def broker(self) -> str:
        return "Apache Kafka" if self.kafka else "embedded-log"

    @property
    def logs(self) -> Path:
        """Of the last run on this broker."""
        return FOLDER / "logs" / self.broker.replace(" ", "-").lower()

    def run(self) -> None:
        stack = Switchboard(FOLDER / "switchboard")
        stack.environment |= {
            "GATEWAYS": "2", "ORCHESTRATORS": "2", "ALLOCATORS": "2", "TOKEN_SERVICES": "2", "DISPATCHERS": "2",
            "SWITCHBOARD_PARTITIONS": str(PARTITIONS)}
        if self.kafka:
            stack.environment["KAFKA_BOOTSTRAP"] = self.kafka.bootstrap
        if self.programs:
            stack.environment["PROGRAMS"] = str(self.programs)
        self.witnesses = Witnesses(stack, self.tokens)
        with stack, self.witnesses:
            self.measure(stack)
            for service, reasons in self.witnesses.asked_again().items():
                print(f"{service}: asked again for a token or a login: {dict(reasons)}", file=sys.stderr)
            self.expect_none(self.witnesses.problems_with_tokens())
            self.look_at_callbacks(stack)
            self.look_at_front_door(stack)
            shutil.copytree(stack.folder / "logs", self.logs, dirs_exist_ok=True)

    def expect(self, holds: bool, problem: str) -> None:
        self.checks += 1
        if not holds:
            self.problems.append(problem)

    def expect_none(self, problems: list[str]) -> None:
        self.checks += max(1, len(problems))
        self.problems += problems

    # The load

    def measure(self, stack: Switchboard) -> None:
        plan = stack.plan(self.users, 0) | {
            "users": self.users, "idle": 0, "rates": [self.rate] * len(self.services), "processes": [],
            "warmUpSeconds": WARM_UP_SECONDS, "seconds": SECONDS_PER_RESTART * self.copies}
        path = stack.folder / "plan.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(plan))
        program = (self.programs or ROOT / ".build/release") / "switchboard-load"
        waiting = list(self.services)
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir(parents=True)
        told = self.logs / "load.log"
        with open(told, "w") as errors, \
                subprocess.Popen([program, "calls", path], stdout=subprocess.PIPE, stderr=errors, text=True) as load:
            for line in load.stdout:
                one = json.loads(line)
                if one["what"] == "calls":
                    self.judge(list(self.restarts)[-1], one)
                # The last before the calls, then the calls one service after the other.
                if one["what"] == "idle":
                    self.witnesses.begin()
                if one["what"] in ("idle", "calls") and waiting:
                    self.witnesses.turn_to(waiting[0])
                    time.sleep(BETWEEN_SECONDS + WARM_UP_SECONDS)
                    service = waiting.pop(0)
                    copies = [self.restart(stack, service, number + 1) for number in range(self.copies)]
                    self.restarts[service] = copies
        self.witnesses.end()
        for line in told.read_text().splitlines():
            if line.startswith("unfinished: "):
                print(line, file=sys.stderr)
                keep_records(stack.known["kafkaBootstrap"], line.split()[1:4], self.logs)
        self.expect(len(self.calls) == len(self.services), f"the load ended with {load.returncode} before all was measured")

    def judge(self, service: str, calls: dict) -> None:
        self.calls[service] = calls
        begun, finished = calls["begun"], calls["finished"]
        print(f"{service}: {finished} of {begun} calls, {brief(calls)}", file=sys.stderr, flush=True)
        self.expect(begun == finished > 0, f"{service}: {begun - finished} of {begun} calls did not finish")
        self.expect(not calls["failures"], f"{service}: {calls['failures']}")
        self.expect(calls["skipped"] == 0, f"{service}: {calls['skipped']} calls were not begun: nobody was free")
        late = calls["ring"]["p99"] / 1000
        self.expect(late <= self.limit_ms, f"{service}: ringing took {late:.0f} ms at the 99th percentile")

    # The restarts

    def restart(self, stack: Switchboard, service: str, number: int) -> Restart:
        name = f"{service}-{number}"
        keeper = supervisor.ask(stack.folder)
        here = next(f"{p['group']}:{p['name']}" for p in keeper.getAllProcessInfo() if p["name"] == name)
        address, other = (stack.known["services"][service][n] for n in (number - 1, COPIES - number))
        wanted = DECIDING.get(service, 0) * PARTITIONS
        start = time.monotonic()
        keeper.stopProcess(here, False)
        owned = until(lambda: count(other, "switchboard_ledger_owned{") >= wanted) - start if wanted else 0.0
        self.expect(owned <= self.handover_seconds, f"the partitions of {name} had another owner after {owned:.1f} s")
        gone = until(lambda: keeper.getProcessInfo(here)["statename"] == "STOPPED") - start
        code = keeper.getProcessInfo(here)["exitstatus"]
        self.expect(code == 0, f"{name} ended with {code}")
        begun = time.monotonic()
        keeper.startProcess(here)
        ready = until(lambda: answers(address)) - begun
        if wanted:
            # It has its share again, so that the next one hands over to one that is settled.
            until(lambda: count(address, "switchboard_ledger_owned{") > 0)
        return Restart(name, owned, gone, ready)

    # What others were told

    def look_at_callbacks(self, stack: Switchboard) -> None:
        """Every call that was decided has all its callbacks, on the topic and by webhook."""
        bootstrap = stack.known["kafkaBootstrap"]
        deadline = time.monotonic() + CALLBACKS_WITHIN_SECONDS
        while True:
            calls = decided(bootstrap)
            problems = self.witnesses.problems_with_callbacks(records(bootstrap, "callbacks"), calls)
            if not problems or time.monotonic() > deadline:
                break
            time.sleep(1)
        self.expect_none(problems)
        measured = sum(measured["begun"] for measured in self.calls.values())
        self.expect(len(calls) >= measured, f"{len(calls)} calls are in the log, of {measured} and more")

    def look_at_front_door(self, stack: Switchboard) -> None:
        """One copy of two is always there, so nobody is told that there is none."""
        told = (stack.folder / "logs/nginx.log").read_text().count("no live upstreams")
        self.expect(told == 0, f"the front door took both copies of a service for gone, for {told} requests")

    # What is told

    def tables(self) -> str:
        return f"{self.table()}\n\n{self.witnesses.tables()}"

    def table(self) -> str:
        rows = []
        for service, copies in self.restarts.items():
            calls = self.calls.get(service)
            if not calls:
                continue
            handed = f"{max(copy.handed_over for copy in copies):.2f}" if service in DECIDING else "–"
            rows.append([
                service, handed, f"{max(copy.gone for copy in copies):.2f}", f"{calls['finished']} of {calls['begun']}",
                str(sum(calls["failures"].values()) + calls["skipped"]), pair(calls["ring"]), pair(calls["setup"]),
                str(calls["shrugs"]), f"{calls['moved']} / {calls['returned']}"])
        return table(
            ["restarted", "handed over within, s", "gone within, s", "calls finished", "lost or failed",
             "dial → ring, p50 / p99 / max ms", "dial → connected, ms", "answers 50300", "clients moved / came back"], rows)

    def described(self) -> str:
        return (
            f"On {self.broker}: {self.rate} calls/s among {self.users} users, {COPIES} copies of each service, {self.copies} restarted in "
            f"{SECONDS_PER_RESTART * self.copies} s of calls, {PARTITIONS} partitions. {self.witnesses.described()}")


def pair(known: dict) -> str:
    return " / ".join(f"{known[at] / 1000:.0f}" for at in ("p50", "p99", "max"))


def brief(calls: dict) -> str:
    return (
        f"ring {pair(calls['ring'])} ms, connected {pair(calls['setup'])} ms, errors {calls['failures'] or 'none'}, "
        f"{calls['skipped']} skipped, {calls['shrugs']} shrugs, {calls['moved']} moved, {calls['returned']} came back")


def until(condition) -> float:
    """Waits until it holds, or a long time; when that was."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return time.monotonic()


def answers(address: str) -> bool:
    try:
        return urllib.request.urlopen(f"http://{address}/readyz", timeout=1).status == 200
    except OSError:
        return False


def count(address: str, prefix: str) -> float:
    try:
        text = urllib.request.urlopen(f"http://{address}/metrics", timeout=1).read().decode()
    except OSError:
        return 0
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(prefix))


def records(bootstrap: str, topic: str, form: str = "%s\\n") -> list[str]:
    """All that a topic has, partition by partition."""
    return subprocess.run(
        ["kcat", "-b", bootstrap, "-t", f"switchboard.{topic}.v1", "-C", "-e", "-q", "-o", "beginning", "-f", form],
        check=True, capture_output=True, text=True, errors="replace").stdout.splitlines()


def keep_records(bootstrap: str, words: list[str], folder: Path) -> None:
    """What the topics have of a call that went wrong and of its users, for whoever looks why."""
    call, *users = words
    with open(folder / f"{call}.txt", "w") as file:
        for topic in ("calls.inbox", "calls.log", "gateway.deliveries", "users.inbox", "users.log"):
            for line in records(bootstrap, topic, "%T %p %o %k %s\\n"):
                if call in line or any(f"/{user} " in line or f'"{user}"' in line for user in users):
                    file.write(f"{topic} {line}\n")


def decided(bootstrap: str) -> set[str]:
    """Every call that has a record of its own in the log."""
    return {key.partition("/")[2] for key in records(bootstrap, "calls.log", "%k\\n") if "/" in key}

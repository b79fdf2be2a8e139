"""How processes have ended, and what they said: nothing ends but what the fault has ended, and nothing complains but of
the fault. A supervisor starts again whatever ends, so that nobody else would see it."""

import json
import re
from dataclasses import dataclass, field

TAIL_LINES = 12
COMPLAINTS_MAX = 8
# (words of the fault, words of its line, reason); of a line all words must be there.
MAY_BE_SAID = (
    ("disk full", ("the disk refuses", "No space left on device"), "so it is"),
    ("disk full", ("the disk is full: records are refused until there is room",), "so it is"),
    ("a clock 30 s", ("a partition must not be decided here and is given back",), "that copy's clock is off"),
)
# librdkafka 2.0.2, where a member is told to stop before it was assigned anything and its group takes long: as after a kill.
MAY_END_STOPPING = "rd_kafka_sticky_assignor_state_destroy"
# Servers of Debian: what they write themselves of what is broken.
SERVERS_COMPLAIN = {
    "nginx.log": re.compile(r"\[(crit|alert|emerg)\]"),
    "redis.log": re.compile(r"REDIS BUG REPORT|MISCONF|Out Of Memory"),
}
CRASH = re.compile("[Cc]rashed|Fatal error|Assertion|ERROR: ")
NOT_OURS = ("supervisord", "nginx", "redis", "coturn", "connection-keeper")

SPAWNED = re.compile(r"spawned: '(?P<name>[^']+)' with pid (?P<pid>\d+)")
ENDED = re.compile(r"(?P<what>exited|stopped): (?P<name>\S+) \((?P<how>[^;)]+)")


@dataclass
class Words:
    """`logs` by file. `struck`: what the faults have sent to which pid. `running`: pid by program, as its supervisor has it.
    `gone`: nodes of Apache Kafka that do not run, with their last words."""
    logs: dict[str, str]
    struck: dict[int, set[str]]
    running: dict[str, int]
    gone: dict[int, str] = field(default_factory=dict)


@dataclass
class Ending:
    name: str
    pid: int
    how: str
    is_ordered: bool  # by the supervisor, which was told to

    def is_explained_by(self, struck: set[str]) -> bool:
        if self.how == "terminated by SIGKILL":
            return "SIGKILL" in struck
        if self.how == "terminated by SIGTERM":
            return self.is_ordered and self.name.startswith(NOT_OURS)
        return self.how == "exit status 0" and (self.is_ordered or "SIGTERM" in struck)


def check(words: Words, faults: list[str]) -> list[str]:
    """What nobody has done and nobody may say; `faults` by their names."""
    return _check_endings(words) + _check_complaints(words, faults)


def endings(supervisor_log: str) -> tuple[list[Ending], dict[str, int]]:
    """In their order; and the pids that were started last."""
    found: list[Ending] = []
    pids: dict[str, int] = {}
    for line in supervisor_log.splitlines():
        if match := SPAWNED.search(line):
            pids[match["name"]] = int(match["pid"])
        elif match := ENDED.search(line):
            found.append(Ending(match["name"], pids.get(match["name"], 0), match["how"], match["what"] == "stopped"))
    return found, pids


def _check_endings(words: Words) -> list[str]:
    found, started = endings(words.logs.get("supervisord.log", ""))
    texts = []
    for ending in found:
        struck, log = words.struck.get(ending.pid, set()), words.logs.get(f"{ending.name}.log", "")
        is_stopping = ending.is_ordered or "SIGTERM" in struck
        if not ending.is_explained_by(struck) and not (is_stopping and MAY_END_STOPPING in log):
            texts.append(f"{ending.name} ({ending.pid}) has ended by itself: {ending.how}; its last words:\n{_tail(log)}")
    texts += [f"{name} does not run any more: its supervisor has pid {words.running.get(name, 0)}, and started {pid} last"
              for name, pid in started.items() if words.running.get(name) != pid]
    texts += [f"node {node} of Apache Kafka has ended by itself; its last words:\n{_tail(log)}"
              for node, log in words.gone.items()]
    return texts


def _check_complaints(words: Words, faults: list[str]) -> list[str]:
    texts = []
    for name, log in words.logs.items():
        complains = SERVERS_COMPLAIN.get(name)
        for line in log.splitlines():
            if complains.search(line) if complains else _is_complaint(name, line, faults):
                texts.append(f"{name} says: {line[:600]}")
    texts.sort(key=lambda text: CRASH.search(text) is None)  # of a crash's many lines, what it was
    more = [f"and {len(texts) - COMPLAINTS_MAX} more lines of such a kind"] if len(texts) > COMPLAINTS_MAX else []
    return texts[:COMPLAINTS_MAX] + more


def _is_complaint(name: str, line: str, faults: list[str]) -> bool:
    """Of our own programs: an error that the fault does not explain, or what is no line of a log, as a crash leaves it.
    Every alarm of the metrics is an error in the log too."""
    if name.startswith(NOT_OURS) or not line.strip():
        return False
    try:
        said = json.loads(line)
        if said["level"] != "error":
            return False
    except (ValueError, KeyError, TypeError):
        return True
    return not any(
        any(of in fault for fault in faults) and all(word in line for word in words) for of, words, _ in MAY_BE_SAID)


def _tail(log: str) -> str:
    return "\n".join(line[:400] for line in log.splitlines()[-TAIL_LINES:])

"""Starts the stack, runs the cases in their order, judges the recording, and ends with `N passed, N failed`."""

import os
import shutil
import tempfile
import time
import traceback
import unittest
from importlib import import_module
from pathlib import Path

from contract import Checker, Recorder

from .stack import Stack

HERE = Path(__file__).resolve().parents[1]

# A case that restarts the stack comes after those that want it as it is.
CASES = ("browser_call", "browser_endings", "browser_losses", "server_api", "signal_race", "callbacks", "gateway_leaves",
         "device_limit", "second_start")


class Stage:
    """What the cases share."""

    folder: Path
    recorder: Recorder
    stack: Stack


stage = Stage()


def run(words: list[str]) -> int:
    stage.folder = Path(tempfile.mkdtemp(prefix="switchboard-e2e-"))
    stage.recorder = Recorder(stage.folder / "recording.jsonl")
    stage.stack = Stack(stage.folder / "run", stage.recorder)
    result = Result()
    judges_own_tests(words).run(result)
    try:
        begun = time.monotonic()
        stage.stack.start()
        print(f"The stack is ready after {time.monotonic() - begun:.1f} s", flush=True)
        suite(words).run(result)
    except Exception:
        result.note("the stack runs", traceback.format_exc())
    try:
        stage.stack.stop()
    except Exception:
        result.note("the stack stops", traceback.format_exc())
    stage.recorder.close()
    judge(result)
    leave(result)
    print(f"{result.passed} passed, {result.failed} failed", flush=True)
    return 1 if result.failed or not result.passed else 0


def suite(words: list[str]) -> unittest.TestSuite:
    loader = unittest.TestLoader()
    groups = [group for name in CASES for group in loader.loadTestsFromModule(import_module(f"cases.{name}"))]
    return unittest.TestSuite(chosen(group, words) for group in groups)


def judges_own_tests(words: list[str]) -> unittest.TestSuite:
    """Whether the contract package, by which all is judged, judges well; it needs no stack."""
    return chosen(unittest.TestLoader().discover(str(HERE / "contract/tests"), top_level_dir=str(HERE)), words)


def chosen(group, words: list[str]) -> unittest.TestSuite:
    return unittest.TestSuite(test for test in each(group) if not words or any(word in test.id() for word in words))


def each(group):
    for test in group:
        yield from each(test) if isinstance(test, unittest.TestSuite) else [test]


def judge(result: "Result") -> None:
    """Every frame and body of the run against docs/protocol."""
    checker = Checker()
    with open(stage.recorder.path, encoding="utf-8") as lines:
        checker.read(lines, name="recording.jsonl")
    report = checker.finish()
    print(report.text(), flush=True)
    name = "every frame and body keeps to docs/protocol"
    if report.violations or not report.checked:
        result.note(name, f"{len(report.violations)} violations in {report.checked}")
    else:
        result.good(name, 0)


def leave(result: "Result") -> None:
    if result.failed or os.environ.get("KEEP") == "1":
        print(f"Logs, the recording and screenshots: {stage.folder}", flush=True)
    else:
        shutil.rmtree(stage.folder, ignore_errors=True)


class Result(unittest.TestResult):
    """One line per test as it ends; what failed is told at once."""

    def __init__(self):
        super().__init__()
        self.passed = self.failed = 0
        self._begun = 0.0

    def good(self, name: str, seconds: float) -> None:
        self.passed += 1
        print(f"ok    {name} ({seconds:.1f} s)", flush=True)

    def note(self, name: str, why: str) -> None:
        self.failed += 1
        print(f"FAIL  {name}\n" + "".join(f"      {line}\n" for line in why.rstrip().splitlines()), end="", flush=True)

    def startTest(self, test):
        super().startTest(test)
        self._begun = time.monotonic()

    def addSuccess(self, test):
        self.good(name_of(test), time.monotonic() - self._begun)

    def addFailure(self, test, error):
        self.note(name_of(test), "".join(traceback.format_exception(*error)))

    addError = addFailure

    def addSkip(self, test, reason):
        self.note(name_of(test), f"not run: {reason}")


def name_of(test) -> str:
    """The method's name as the sentence it is."""
    method = getattr(test, "_testMethodName", None)
    return method.removeprefix("test_").replace("_", " ") if method else str(test)

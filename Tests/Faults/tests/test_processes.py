"""What is said of processes that end, and of what they say, on words that were planted."""

import json
import unittest

from checker import processes
from checker.processes import Words

START = """\
2026-11-26 11:45:06,783 INFO spawned: 'embedded-log' with pid 14
2026-11-26 11:45:06,813 INFO spawned: 'call-orchestrator-1' with pid 17
2026-11-26 11:45:06,815 INFO spawned: 'redis' with pid 15
2026-11-26 11:45:07,383 INFO success: redis entered RUNNING state, process has stayed up for > than 0 seconds (startsecs)
"""
AGAIN = "2026-11-26 11:46:01,813 INFO spawned: 'call-orchestrator-1' with pid 27\n"


def said(level: str, message: str) -> str:
    return json.dumps({"time": "…", "level": level, "service": "x", "message": message}) + "\n"


class OnPlantedWords(unittest.TestCase):
    def words(self, more: str = "", struck: dict | None = None, logs: dict | None = None, **running: int) -> Words:
        pids = {"embedded-log": 14, "call-orchestrator-1": 17, "redis": 15} | {
            name.replace("_", "-"): pid for name, pid in running.items()}
        return Words({"supervisord.log": START + more} | (logs or {}), struck or {}, pids)

    def ended(self, how: str, what: str = "exited") -> str:
        return f"2026-11-26 11:46:00,000 WARN {what}: call-orchestrator-1 ({how})\n"

    def assert_red(self, words: Words, *texts: str, faults: tuple[str, ...] = ("Redis flushed",)):
        found = "\n".join(processes.check(words, list(faults)))
        self.assertTrue(found)
        for text in texts:
            self.assertIn(text, found)

    def assert_green(self, words: Words, *faults: str):
        self.assertEqual(processes.check(words, list(faults)), [])

    def test_a_run_in_which_nothing_ends_is_green(self):
        self.assert_green(self.words(logs={"call-orchestrator-1.log": said("notice", "started") + said("warning", "slow")}))

    def test_a_crash_by_a_signal_is_told_with_its_last_words(self):
        more = self.ended("terminated by SIGTRAP; not expected") + AGAIN
        log = "".join(said("info", f"line {n}") for n in range(30))
        self.assert_red(
            self.words(more, logs={"call-orchestrator-1.log": log}, call_orchestrator_1=27),
            "call-orchestrator-1 (17) has ended by itself: terminated by SIGTRAP", "line 29")

    def test_a_crash_by_status_is_told(self):
        self.assert_red(self.words(self.ended("exit status 1; not expected") + AGAIN, call_orchestrator_1=27), "exit status 1")

    def test_an_end_that_looks_well_and_that_nobody_asked_for_is_told(self):
        self.assert_red(self.words(self.ended("exit status 0; expected") + AGAIN, call_orchestrator_1=27), "exit status 0")

    def test_what_the_fault_has_killed_is_not_told(self):
        more = self.ended("terminated by SIGKILL; not expected") + AGAIN
        self.assert_green(self.words(more, {17: {"SIGKILL"}}, call_orchestrator_1=27))
        self.assert_red(self.words(more, {14: {"SIGKILL"}}, call_orchestrator_1=27), "terminated by SIGKILL")

    def test_the_next_one_that_ends_by_itself_is_told(self):
        more = self.ended("terminated by SIGKILL; not expected") + AGAIN + self.ended("exit status 1; not expected")
        more += AGAIN.replace("27", "37")
        self.assert_red(self.words(more, {17: {"SIGKILL"}}, call_orchestrator_1=37), "(27) has ended by itself")

    def test_a_copy_that_is_told_to_stop_may_end_well(self):
        self.assert_green(self.words(self.ended("exit status 0; expected") + AGAIN, {17: {"SIGTERM"}}, call_orchestrator_1=27))
        self.assert_green(self.words(self.ended("exit status 0", "stopped") + AGAIN, call_orchestrator_1=27))

    def test_a_copy_that_crashes_as_it_stops_is_told(self):
        for how in ("exit status 1", "terminated by SIGABRT", "terminated by SIGKILL"):
            more = self.ended(how, "stopped") + AGAIN
            self.assert_red(self.words(more, {17: {"SIGTERM"}}, call_orchestrator_1=27), how)

    def test_only_a_server_of_others_may_end_by_the_signal_that_stops_it(self):
        end = self.ended("terminated by SIGTERM", "stopped") + AGAIN
        self.assert_red(self.words(end, call_orchestrator_1=27), "terminated by SIGTERM")
        self.assert_green(self.words(end.replace("call-orchestrator-1", "coturn"), coturn=27))

    def test_a_client_library_that_fails_as_a_copy_stops_is_known(self):
        log = {"call-orchestrator-1.log": said("notice", "stops") + said(
            "notice", "x: rd_kafka_sticky_assignor_state_destroy: Assertion `state' failed.")}
        more = self.ended("terminated by SIGABRT", "stopped") + AGAIN
        self.assert_green(self.words(more, logs=log, call_orchestrator_1=27))
        more = self.ended("terminated by SIGABRT; not expected") + AGAIN
        self.assert_red(self.words(more, logs=log, call_orchestrator_1=27), "SIGABRT")

    def test_a_program_that_does_not_run_in_the_end_is_told(self):
        self.assert_red(self.words(call_orchestrator_1=0), "does not run any more")

    def test_a_node_that_is_gone_is_told(self):
        words = self.words()
        words.gone = {2: "java.lang.OutOfMemoryError"}
        self.assert_red(words, "node 2", "OutOfMemoryError")

    def test_an_error_in_a_log_is_told(self):
        words = self.words(logs={"room-allocator-1.log": said("error", "a log cannot be read")})
        self.assert_red(words, "room-allocator-1.log says", "a log cannot be read")

    def test_an_error_that_belongs_to_the_fault_is_not_told_and_to_no_other(self):
        words = self.words(logs={"embedded-log.log": said("error", "the disk is full: records are refused until there is room")})
        self.assert_green(words, "broker's disk full for 15 s")
        self.assert_red(words, "the disk is full")
        for cause, is_red in (("write x: No space left on device", False), ("write x: Input/output error", True)):
            line = json.dumps({"level": "error", "message": "the disk refuses", "cause": cause}) + "\n"
            found = processes.check(self.words(logs={"embedded-log.log": line}), ["broker's disk full for 15 s"])
            self.assertEqual(bool(found), is_red, cause)

    def test_the_last_words_of_a_crash_are_told(self):
        words = self.words(logs={"signaling-gateway-2.log": said("info", "x") + "Fatal error: Index out of range\n"})
        self.assert_red(words, "signaling-gateway-2.log says: Fatal error: Index out of range")

    def test_of_a_crash_of_many_lines_the_first_is_what_it_was(self):
        log = "failed to suspend thread 7\n" * 20 + "*** Program crashed: Bad pointer dereference ***\n"
        self.assertIn("Program crashed", processes.check(self.words(logs={"token-service-1.log": log}), [])[0])

    def test_servers_of_others_are_read_by_their_own_words(self):
        self.assert_green(self.words(logs={"nginx.log": "2026 [error] 7#7: connect() failed\n", "redis.log": "1:M # WARNING x\n"}))
        self.assert_red(self.words(logs={"nginx.log": "2026 [alert] 7#7: worker process 9 exited on signal 11\n"}), "nginx.log says")
        self.assert_red(self.words(logs={"redis.log": "=== REDIS BUG REPORT START\n"}), "REDIS BUG REPORT")

    def test_many_complaints_are_cut_and_counted(self):
        words = self.words(logs={"x-1.log": said("error", "again") * 100})
        self.assertEqual(len(processes.check(words, [])), processes.COMPLAINTS_MAX + 1)
        self.assert_red(words, "and 92 more")

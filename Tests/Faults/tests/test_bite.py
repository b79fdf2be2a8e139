"""A fault that left nothing behind is told as one that did not bite: each thing that is owed, missing and there."""

import copy
import unittest
from unittest import mock

from checker import judge
from checker.evidence import Entry
from injection import surroundings, topics
from runner import Result, doubt_bites

from .planted import EXPIRES_AT, KEY, STARTED_AT, Planted

SINCE, NOTED = STARTED_AT / 1000 + 10, 20.0


class OfFaults(unittest.TestCase):
    def setUp(self):
        self.planted = Planted()
        self.evidence = self.planted.evidence

    def owes(self, kind: str, **more):
        self.evidence.history.append(
            {"at": STARTED_AT / 1000 + NOTED, "what": "owes", "kind": kind, "since": SINCE} | more)

    def assert_missing(self):
        bites = judge(self.evidence).bites
        self.assertEqual((len(bites.missing), bites.found), (1, []))

    def assert_found(self):
        bites = judge(self.evidence).bites
        self.assertEqual((bites.missing, len(bites.found)), ([], 1))

    # owners

    def owes_takeover(self, *partitions: int):
        self.owes("takeover", ledger="calls", partitions=list(partitions), whose="x")

    def marker(self, incarnation: str, after_ms: int, **more):
        self.planted.append("calls", {"kind": "marker", "incarnation": incarnation} | more, STARTED_AT + after_ms)

    def test_a_partition_that_another_took(self):
        self.marker("i2", 15_000)
        self.owes_takeover(0)
        self.assert_found()

    def test_a_partition_that_nobody_took(self):
        self.owes_takeover(0)
        self.assert_missing()

    def test_one_of_two_partitions_that_nobody_took(self):
        self.marker("i2", 15_000)
        self.owes_takeover(0, 1)
        self.assert_missing()

    def test_a_copy_that_had_no_partition(self):
        self.marker("i2", 15_000)
        self.owes_takeover()
        self.assert_missing()

    def test_a_partition_that_was_taken_before_the_stroke(self):
        self.marker("i2", 9_500)
        self.owes_takeover(0)
        self.assert_missing()

    def test_a_partition_that_was_taken_when_all_was_over(self):
        self.marker("i2", 21_000)
        self.owes_takeover(0)
        self.assert_missing()

    def test_an_owner_that_renews_its_marker_is_no_other(self):
        self.marker("i2", 15_000, renews=True)
        self.owes_takeover(0)
        self.assert_missing()

    def test_zombies_among_the_last_records_of_a_log(self):
        def facts(incarnation: str) -> dict:
            return {"kind": "facts", "incarnation": incarnation, "ordinal": 0}

        def log(*values: dict) -> list[Entry]:
            return [Entry(0, offset, STARTED_AT, KEY, value) for offset, value in enumerate(values)]

        marker = {"kind": "marker", "incarnation": "i2"}
        self.assertEqual(topics.zombies_among(log(facts("i1"), marker, facts("i2"))), 0)
        self.assertEqual(topics.zombies_among(log(facts("i1"), marker, facts("i1"), facts("i2"))), 1)

    # the timer

    def accept(self, sent_before_ms: int, decided_behind_ms: int):
        asked = next(e for e in self.evidence.inboxes["calls"] if e.value["input"]["type"] == "accept")
        asked.at = EXPIRES_AT - sent_before_ms
        asked.value["sentAt"] = asked.at - 5
        for entry in self.evidence.logs["calls"]:
            if (entry.value.get("facts") or [{}])[0].get("fact") == "accepted":
                entry.at = EXPIRES_AT + decided_behind_ms

    def test_an_accept_in_time_that_was_decided_late(self):
        self.accept(sent_before_ms=100, decided_behind_ms=3_000)
        self.owes("decided late", at=EXPIRES_AT / 1000 + 5)
        self.assert_found()
        findings = judge(self.evidence).findings
        self.assertNotIn(20, findings.violated)
        self.assertEqual(dict(findings.remarks), {
            "calls with an accept in the inbox just before expiresAt": 1,
            "calls with an accept in the inbox just behind expiresAt": 0,
            "accepts in time that were decided behind expiresAt": 1})

    def test_an_accept_in_time_that_was_decided_late_and_lost_to_the_timer(self):
        self.accept(sent_before_ms=100, decided_behind_ms=3_000)
        accepted = next(e for e in self.evidence.logs["calls"]
                        if (e.value.get("facts") or [{}])[0].get("fact") == "accepted")
        accepted.value["facts"][0] = {"fact": "missed", "userId": "b"}
        self.owes("decided late", at=EXPIRES_AT / 1000 + 5)
        self.assert_missing()
        self.assertIn(20, judge(self.evidence).findings.violated)

    def test_an_accept_in_time_that_was_decided_in_time(self):
        self.accept(sent_before_ms=100, decided_behind_ms=-50)
        self.owes("decided late", at=EXPIRES_AT / 1000 + 5)
        self.assert_missing()

    def test_an_accept_that_was_decided_late_in_another_fault_before(self):
        self.accept(sent_before_ms=100, decided_behind_ms=3_000)
        self.owes("decided late", since=EXPIRES_AT / 1000 + 4, at=EXPIRES_AT / 1000 + 9)
        self.assert_missing()

    def test_an_accept_that_was_decided_late_in_another_fault_behind(self):
        self.accept(sent_before_ms=100, decided_behind_ms=3_000)
        self.owes("decided late", at=EXPIRES_AT / 1000 + 2)
        self.assert_missing()

    def test_an_accept_that_came_too_late_counts_for_nothing(self):
        self.accept(sent_before_ms=-100, decided_behind_ms=3_000)
        self.owes("decided late", at=EXPIRES_AT / 1000 + 5)
        self.assert_missing()

    # inboxes and readers

    def test_an_inbox_record_that_came_twice(self):
        inbox = self.evidence.inboxes["calls"]
        again = copy.deepcopy(inbox[0])
        again.offset = len(inbox)
        inbox.append(again)
        self.owes("doubled", least=1)
        self.assert_found()

    def test_no_inbox_record_that_came_twice(self):
        self.owes("doubled", least=1)
        self.assert_missing()

    def commands_in_order(self, *commands: str):
        """Sent a second after each other, first c7, then c8; so they stand in the inbox."""
        for number, command in enumerate(("c7", "c8")):
            self.planted.asks("b/phone", "call.sync", command, 11.0 + number)
        for command in commands:
            self.planted.inbox("sync", f"b/phone/{command}", "call.sync", at=STARTED_AT + 13_000)

    def test_a_command_behind_one_that_was_sent_later(self):
        self.commands_in_order("c8", "c7")
        self.owes("disordered", least=1)
        self.assert_found()

    def test_commands_in_their_order(self):
        self.commands_in_order("c7", "c8")
        self.owes("disordered", least=1)
        self.assert_missing()

    def test_commands_out_of_order_before_the_stroke(self):
        self.commands_in_order("c8", "c7")
        self.owes("disordered", least=1, since=SINCE + 5)
        self.assert_missing()

    def test_a_copy_that_comes_late_is_no_command_out_of_order(self):
        self.commands_in_order("c7", "c8", "c7")
        self.owes("disordered", least=1)
        self.assert_missing()

    def test_a_reader_that_was_behind(self):
        self.evidence.callbacks[-1].at += 55_000
        self.owes("lag", seconds=50.0)
        self.assert_found()

    def test_a_reader_that_was_not_behind(self):
        self.owes("lag", seconds=50.0)
        self.assert_missing()

    # what is seen while it runs

    def test_what_was_seen_often_enough_and_what_was_not(self):
        self.owes("seen", text="connections", has=8, least=8)
        self.assert_found()
        self.evidence.history[-1]["has"] = 7
        self.assert_missing()

    def test_redis_s_connections_and_hashes(self):
        clients = (b"$99\r\nid=3 addr=127.0.0.1:5 name= age=61 idle=0\nid=9 addr=127.0.0.1:6 age=4 idle=0\n"
                   b"id=10 age=0\n\r\n+PONG\r\n")
        with mock.patch.object(surroundings, "ask_redis", return_value=clients):
            self.assertEqual(surroundings.client_ages(mock.Mock()), [61, 4])
        keys = b"*3\r\n$9\r\n{c0}:calls\r\n$9\r\n{u11}:users\r\n$5\r\nnonce\r\n+PONG\r\n"
        with mock.patch.object(surroundings, "ask_redis", return_value=keys):
            self.assertEqual(surroundings.hashes(mock.Mock()), {b"{c0}:calls", b"{u11}:users"})

    # what becomes of it

    def result(self, nothing: int) -> Result:
        return Result("a fault", "embedded-log", calls=1000, judgement=judge(self.evidence),
                      outcomes={"told to its end": 1000 - nothing, "over before it rang": nothing})

    def test_a_run_whose_fault_did_not_bite_fails(self):
        self.owes_takeover(0)
        result = self.result(nothing=10)
        doubt_bites(result)
        self.assertEqual((result.doubts, len(result.faults)), (["did not bite"], 1))

    def test_a_run_whose_calls_came_to_nothing_fails(self):
        result = self.result(nothing=51)
        doubt_bites(result)
        self.assertEqual((result.doubts, len(result.faults)), (["did not bite"], 1))

    def test_a_run_in_which_a_few_calls_came_to_nothing_does_not_fail(self):
        result = self.result(nothing=49)
        doubt_bites(result)
        self.assertEqual((result.doubts, result.faults), ([], []))

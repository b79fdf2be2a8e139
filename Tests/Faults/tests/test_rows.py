"""What a run's row says, above all when the run proves nothing."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

import page
from checker import judge
from checker.census import Census, Patience
from runner import MOMENT_MIN, Plan, Result, doubt_moments

from .planted import Planted

OLD = "orchestrator killed"


class OfRuns(unittest.TestCase):
    def result(self) -> Result:
        result = Result(OLD, "embedded-log", calls=2000, judgement=judge(Planted().evidence), patience=Patience())
        result.moments = [("a", Census(200, 60, 118)), ("b", Census(190, 58, 40))]
        return result

    def written(self, result: Result) -> list[str]:
        """The table's rows after that run, where a green one of that fault stood."""
        with tempfile.TemporaryDirectory() as folder:
            there = Path(folder) / "page.md"
            there.write_text(f"a\n<!-- begin: make faults, embedded-log -->\n| fault |\n| {OLD} | 2000 | none | old |\n"
                             "<!-- end: make faults, embedded-log -->\nz\n")
            with mock.patch.object(page, "PAGE", there):
                page.put(result, Plan(seed=7, commit="new"))
            text = there.read_text()
        self.assertTrue(text.startswith("a\n") and text.endswith("\nz\n"), text)
        return [row for row in text.splitlines() if row.startswith(f"| {OLD} ")]

    def test_a_good_run_shows_its_least_moment(self):
        row, = self.written(self.result())
        self.assertIn("| 190 | 58 | 40 |", row)
        self.assertIn("| none |", row)

    def test_a_run_that_failed_replaces_a_green_row(self):
        result = self.result()
        result.faults = ["2: …", "5: …"]
        row, = self.written(result)
        self.assertIn("| failed: 2 |", row)
        self.assertTrue(row.endswith("| 7 | new |"), row)

    def test_a_run_that_came_to_no_judgement_replaces_a_green_row(self):
        row, = self.written(Result(OLD, "embedded-log", faults=["no stack"]))
        self.assertIn("| broke off |", row)

    def test_a_run_that_waited_in_vain_replaces_a_green_row(self):
        result = self.result()
        result.faults, result.is_broken = ["the end of 3 calls did not come"], True
        row, = self.written(result)
        self.assertIn("| broke off |", row)

    def test_a_thin_run_replaces_a_green_row(self):
        result = self.result()
        result.moments[0] = ("a", Census(200, 60, MOMENT_MIN["connecting"] - 1))
        doubt_moments(result, Plan())
        row, = self.written(result)
        self.assertIn("| thin |", row)

    def test_a_run_without_a_moment_is_thin(self):
        result = self.result()
        result.moments = []
        doubt_moments(result, Plan())
        self.assertEqual(result.doubts, ["thin"])

    def test_a_broker_without_a_table_leaves_the_page_as_it_is(self):
        result = self.result()
        result.broker, result.faults = "kafka", ["KAFKA_HOME is not set"]
        row, = self.written(result)
        self.assertIn("old", row)

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from .traffic import frames

FOLDER = Path(__file__).resolve().parents[2]


class TheCommand(unittest.TestCase):
    def run_on(self, lines, *arguments):
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines))
            file.flush()
            return subprocess.run([sys.executable, "-m", "contract", *arguments, file.name], cwd=FOLDER,
                                  capture_output=True, text=True, timeout=60)

    def test_it_says_how_much_was_checked_and_ends_with_0(self):
        done = self.run_on(frames())
        self.assertIn(f"{len(frames())} frames", done.stdout)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_it_names_the_line_that_broke_the_contract_and_ends_with_1(self):
        lines = frames()
        lines[3]["text"] = lines[3]["text"].replace('"serverTime"', '"time"')
        done = self.run_on(lines)
        self.assertIn(":4: answer to connect", done.stdout)
        self.assertEqual(done.returncode, 1)

    def test_an_empty_recording_proves_nothing(self):
        self.assertEqual(self.run_on([]).returncode, 1)
        self.assertEqual(self.run_on(frames(), "--at-least", "1000").returncode, 1)


if __name__ == "__main__":
    unittest.main()

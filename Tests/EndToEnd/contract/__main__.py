"""`python3 -m contract [--at-least N] RECORDING.jsonl …`: 0 when all kept the contract, 1 when something broke it, 2 when
there was nothing to judge by."""

import argparse
import sys

from .check import Checker
from .documents import DocumentsUnusable


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m contract", description="Holds recorded traffic against docs/protocol.")
    parser.add_argument("recordings", nargs="+", help="JSON lines, as contract.recorder writes them")
    parser.add_argument("--at-least", type=int, default=1, metavar="N",
                        help="fewer checked frames, bodies and callbacks than this is a failure too (default 1)")
    arguments = parser.parse_args()
    try:
        checker = Checker()
    except DocumentsUnusable as problem:
        print(f"contract: {problem}", file=sys.stderr)
        return 2
    for recording in arguments.recordings:
        try:
            with open(recording, encoding="utf-8") as lines:
                checker.read(lines, name=recording)
        except OSError as problem:
            print(f"contract: {problem}", file=sys.stderr)
            return 2
    report = checker.finish()
    print(report.text())
    if report.checked < arguments.at_least:
        print(f"contract: only {report.checked} checked, expected at least {arguments.at_least}")
        return 1
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())

"""Holds recorded traffic against docs/protocol: frames, callbacks and HTTP bodies.

    python3 -m contract RECORDING.jsonl …

says how much was checked and what broke the contract. `contract.recorder` makes recordings.
"""

from .check import Checker, Report
from .documents import Documents
from .recorder import Recorder

__all__ = ["Checker", "Documents", "Recorder", "Report"]

"""What all clients sent and received, and when: one JSON object per line, in the order in which it happened.

    at     seconds, wall clock          who    user/device; nothing for the crowd's own lines
    line   number of the connection     what   open, lost, out, in; or fault, owes, lag, outcome of the crowd
    frame  for out and in
"""

import json
import time
from pathlib import Path


class History:
    def __init__(self, path: Path, seed: int):
        self.path = path
        self._file = open(path, "w")
        self.note("seed", seed=seed)

    def frame(self, who: str, line: int, what: str, frame: dict | None):
        entry = {"at": time.time(), "who": who, "line": line, "what": what}
        if frame is not None:
            entry["frame"] = without_secrets(frame)
        self._write(entry)

    def note(self, what: str, **more):
        self._write({"at": time.time(), "what": what} | more)

    def close(self):
        self._file.close()

    def _write(self, entry: dict):
        self._file.write(json.dumps(entry, separators=(",", ":")) + "\n")


def without_secrets(frame: dict) -> dict:
    """Tokens and credentials of relays prove nothing, and a history is kept."""
    data = frame.get("data")
    if isinstance(data, dict) and ("token" in data or "media" in data):
        return frame | {"data": {name: value for name, value in data.items() if name not in ("token", "media")}}
    return frame


def read(path: Path) -> list[dict]:
    with open(path) as lines:
        return [json.loads(line) for line in lines]

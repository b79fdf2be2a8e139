"""The tests of Clients/Web, by Node's own runner."""

import re

from stack.settings import ROOT

from .floor import Count, Floor


def floors() -> list[Floor]:
    files = sorted(str(f.relative_to(ROOT)) for f in (ROOT / "Clients/Web/tests").rglob("*.test.*js"))
    return [Floor("web", ["node", "--test", "--test-reporter=tap", *files], count)] if files else []


def count(output: str) -> Count | None:
    found = {name: int(number) for name, number in re.findall(r"^# (pass|fail|skipped) (\d+)$", output, re.MULTILINE)}
    return Count(found["pass"], found["fail"], found.get("skipped", 0)) if {"pass", "fail"} <= found.keys() else None

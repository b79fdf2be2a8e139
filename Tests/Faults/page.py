"""docs/reliability.md: one table for each broker, between two marks; the words around them are left as they are. The rows
of a run replace those of the same name, so that one fault can be run again alone."""

import fcntl
from pathlib import Path

from benchmark import machine
from checker.findings import NAMED
from injection.catalogue import FAULTS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/reliability.md"
HEAD = ["fault", "calls", "in flight", "ringing", "connecting", "checks", "violations", "zombies' records", "markers",
        "shrugs (50300)", "longest wait", "seed", "commit"]
UNKNOWN = "–"


def put(result, plan):
    """One fault's row, whatever came of it: the newest run is the one that is told of."""
    with open(PAGE) as lock:  # another broker's run may be at it
        fcntl.flock(lock, fcntl.LOCK_EX)
        _replace(result, plan)


def _replace(result, plan):
    begin, end = f"<!-- begin: make faults, {result.broker} -->", f"<!-- end: make faults, {result.broker} -->"
    before, mark, rest = PAGE.read_text().partition(begin)
    if not mark:
        return  # no such table: the broker was not there at all
    old, _, after = rest.partition(end)
    rows = dict(row_of(text) for text in old.splitlines() if text.startswith("| ") and not text.startswith("| fault"))
    rows[result.name] = row(result, plan)
    order = [fault.name for fault in FAULTS]
    found = [rows[name] for name in sorted(rows, key=lambda name: order.index(name) if name in order else len(order))]
    table = "\n".join([line(HEAD), "|" + "---|" * len(HEAD), *found])
    conditions = (f"`make faults FAULTS=broker={plan.broker}`: {plan.rate:g} calls/s begun, "
                  f"{plan.users} users on each side. Machine: {machine.named()}.")
    PAGE.write_text(f"{before}{begin}\n{table}\n\n{conditions}\n{end}{after}")


def row(result, plan) -> str:
    moments = [count for _, count in result.moments]
    least = min(moments, key=lambda count: min(count.ringing, count.connecting), default=None)
    counts = [f"{n}" for n in (least.in_flight, least.ringing, least.connecting)] if least else [UNKNOWN] * 3
    judgement, patience = result.judgement, result.patience
    checks = zombies = markers = shrugs = longest = UNKNOWN
    if judgement:
        checks = f"{sum(judgement.findings.checked[number] for number in NAMED)}"
        zombies = f"{sum(len(reading.zombies) for reading in judgement.readings.values())}"
        markers = f"{sum(reading.markers for reading in judgement.readings.values())}"
    if patience:
        shrugs, longest = f"{patience.shrugs}", f"{patience.longest:.1f} s"
    return line([result.name, f"{result.calls}", *counts, checks, verdict(result), zombies, markers, shrugs, longest,
                 f"{plan.seed}", plan.commit])


def verdict(result) -> str:
    """What stands under *violations*. A run that did not come to its end, or whose moment or fault was too little, proves
    nothing, and its row says so instead of the one before."""
    if result.is_broken or not result.judgement:
        return "broke off"
    # A client that was told something wrong, or a call that did not come to its end, is no better than a broken invariant.
    violations = max(sum(result.judgement.findings.violated.values()), len(result.faults) - len(result.doubts))
    if violations:
        return f"failed: {violations}"
    return ", ".join(result.doubts) or "none"


def line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def row_of(text: str) -> tuple[str, str]:
    return text.split(" | ")[0].removeprefix("| "), text



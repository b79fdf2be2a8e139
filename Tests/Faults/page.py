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


def put(result, plan):
    """One fault's row. A run whose moment was too thin, or that did not come to its end, proves nothing and has none."""
    if not result.judgement or result.is_thin:
        return
    with open(PAGE) as lock:  # another broker's run may be at it
        fcntl.flock(lock, fcntl.LOCK_EX)
        _replace(result, plan)


def _replace(result, plan):
    begin, end = f"<!-- begin: make faults, {result.broker} -->", f"<!-- end: make faults, {result.broker} -->"
    before, _, rest = PAGE.read_text().partition(begin)
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
    findings = result.judgement.findings
    moment = min((count for _, count in result.moments), key=lambda count: min(count.ringing, count.connecting))
    named = sum(findings.checked[number] for number in NAMED)
    zombies = sum(len(reading.zombies) for reading in result.judgement.readings.values())
    markers = sum(reading.markers for reading in result.judgement.readings.values())
    # A client that was told something wrong, or a call that did not come to its end, is no better than a broken invariant.
    violations = max(sum(findings.violated.values()), len(result.faults))
    counts = [f"{n}" for n in (moment.in_flight, moment.ringing, moment.connecting)]
    return line([result.name, f"{result.calls}", *counts, f"{named}", f"{violations}" if violations else "none", f"{zombies}",
                 f"{markers}", f"{result.patience.shrugs}", f"{result.patience.longest:.1f} s",
                 f"{plan.seed}", plan.commit])


def line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def row_of(text: str) -> tuple[str, str]:
    return text.split(" | ")[0].removeprefix("| "), text



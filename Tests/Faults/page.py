"""docs/reliability.md: one table for each broker, between two marks; the words around them are left as they are. The rows
of a run replace those of the same name, so that one fault can be run again alone."""

import sys
from pathlib import Path

from checker.findings import NAMED

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/reliability.md"
HEAD = ["fault", "calls", "in flight", "ringing", "connecting", "checks", "violations", "zombies' records", "markers",
        "shrugs (50300)", "longest wait"]
sys.path.append(str(ROOT / "Deploy/Local"))


def put(results: list, plan):
    from benchmark import machine

    for broker in {result.broker for result in results}:
        begin, end = f"<!-- begin: make faults, {broker} -->", f"<!-- end: make faults, {broker} -->"
        page = PAGE.read_text()
        before, _, rest = page.partition(begin)
        old, _, after = rest.partition(end)
        rows = dict(row_of(line) for line in old.splitlines() if line.startswith("| ") and not line.startswith("| fault"))
        rows |= {result.name: row(result) for result in results if result.broker == broker and result.judgement}
        table = "\n".join([line(HEAD), "|" + "---|" * len(HEAD), *rows.values()])
        conditions = (f"`make faults`, seed {plan.seed}: on {broker}, {plan.rate:g} calls/s begun, {plan.users} users on each "
                      f"side; debug build. Machine: {machine.described()}.")
        PAGE.write_text(f"{before}{begin}\n{table}\n\n{conditions}\n{end}{after}")


def row(result) -> str:
    findings, (_, moment) = result.judgement.findings, result.moments[0] if result.moments else ("", None)
    named = sum(findings.checked[number] for number in NAMED)
    zombies = sum(len(reading.zombies) for reading in result.judgement.readings.values())
    markers = sum(reading.markers for reading in result.judgement.readings.values())
    violations = sum(findings.violated.values())
    counts = [f"{n}" for n in (moment.in_flight, moment.ringing, moment.connecting)] if moment else ["–"] * 3
    return line([result.name, f"{result.calls}", *counts, f"{named}", f"{violations}" if violations else "none", f"{zombies}",
                 f"{markers}", f"{result.patience.shrugs}", f"{result.patience.longest:.1f} s"])


def line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def row_of(text: str) -> tuple[str, str]:
    return text.split(" | ")[0].removeprefix("| "), text



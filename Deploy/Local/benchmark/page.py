"""docs/benchmarks.md: each target replaces what stands between its two marks, and leaves the words around it."""

from pathlib import Path

from stack.settings import ROOT

PAGE = ROOT / "docs/benchmarks.md"


def put(target: str, text: str, page: Path = PAGE) -> None:
    begin, end = f"<!-- begin: {target} -->", f"<!-- end: {target} -->"
    old = page.read_text() if page.exists() else "# Benchmarks\n"
    if begin not in old:
        old += f"\n{begin}\n{end}\n"
    before, _, rest = old.partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}")


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)

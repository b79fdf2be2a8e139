"""Building the six programs, with visible progress."""

import subprocess
import sys
from pathlib import Path

from .settings import ROOT, Settings

PRODUCTS = (
    "embedded-log", "token-service", "room-allocator", "call-orchestrator", "signaling-gateway", "callback-dispatcher")


def build(settings: Settings) -> Path:
    """The folder with the programs."""
    if settings.programs:
        return settings.programs
    swift = ["swift", "build", "--scratch-path", str(settings.build_dir), "-c", settings.build]
    if settings.build == "debug":
        run("Building (debug)", swift)
    else:
        for number, product in enumerate(PRODUCTS, 1):
            run(f"Building {product} ({number} of {len(PRODUCTS)})", [*swift, "--product", product])
    return settings.build_dir / settings.build


def run(what: str, command: list[str]) -> None:
    print(what, flush=True)
    if subprocess.run(command, cwd=ROOT).returncode != 0:
        sys.exit(f"{what} failed")

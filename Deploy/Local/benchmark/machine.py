"""What figures were measured on."""

import os
import platform
import subprocess
from pathlib import Path

from stack.settings import ROOT


def described() -> str:
    return f"{named()}; commit {commit()}"


def named() -> str:
    model = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")), platform.machine())
    gigabytes = os.sysconf("SC_PAGESIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores ({model}), {gigabytes:.0f} GB, Linux {platform.release()}, "
        f"{system()}, servers and load on the same machine")


def system() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"')
    return platform.system()


def commit() -> str:
    """Where anything but the docs differs from it, which measurements write themselves, it is `-dirty`."""
    known = _git("describe", "--always")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)docs")
    return f"{known}-dirty" if known and changed else known or "unknown"


def _git(*words: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True).stdout.strip()

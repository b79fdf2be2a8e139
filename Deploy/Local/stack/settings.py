"""What `make run` can be told, by its environment."""

import os
import resource
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
COPIES_MAX = 8


@dataclass
class Settings:
    run: Path
    port: int
    gateways: int
    orchestrators: int
    allocators: int
    partitions: int
    kafka: str | None
    redis: str | None
    build: str
    build_dir: Path
    programs: Path | None
    tls: bool
    address: str
    detach: bool
    wait_seconds: int
    root: Path = field(default=ROOT)

    @property
    def base_url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.address}:{self.port}"

    @property
    def files_max(self) -> int:
        """Descriptors a program may open: what the system lets us, within reason."""
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        return 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)


def read(environment=os.environ) -> Settings:
    problems: list[str] = []

    def number(name: str, default: int, low: int, high: int) -> int:
        text = environment.get(name) or str(default)
        if text.isascii() and text.isdigit() and low <= int(text) <= high:
            return int(text)
        problems.append(f"{name}: '{text}' must be a number between {low} and {high}")
        return default

    def flag(name: str) -> bool:
        text = environment.get(name, "")
        if text not in ("", "0", "1"):
            problems.append(f"{name}: '{text}' must be 1 or 0")
        return text == "1"

    build = environment.get("BUILD") or "release"
    if build not in ("release", "debug"):
        problems.append(f"BUILD: '{build}' must be release or debug")
    tls = flag("TLS")
    programs = environment.get("PROGRAMS")
    settings = Settings(
        run=run_folder(environment),
        port=number("PORT", 8443 if tls else 8080, 1, 65535),
        gateways=number("GATEWAYS", 1, 1, COPIES_MAX),
        orchestrators=number("ORCHESTRATORS", 1, 1, COPIES_MAX),
        allocators=number("ALLOCATORS", 1, 1, COPIES_MAX),
        partitions=number("SWITCHBOARD_PARTITIONS", 8, 1, 256),
        kafka=environment.get("KAFKA_BOOTSTRAP") or None,
        redis=environment.get("REDIS_URL") or None,
        build=build,
        build_dir=Path(environment.get("BUILD_DIR") or ROOT / ".build").absolute(),
        programs=Path(programs).absolute() if programs else None,
        tls=tls,
        address=environment.get("ADDRESS") or (machine_address() if tls else "127.0.0.1"),
        detach=flag("DETACH"),
        wait_seconds=number("WAIT", 60, 1, 3600),
    )
    if problems:
        print("make run cannot start with these settings:", *(f"  - {p}" for p in problems), sep="\n", file=sys.stderr)
        sys.exit(2)
    return settings


def run_folder(environment=os.environ) -> Path:
    return Path(environment.get("RUN_DIR") or ROOT / ".run").absolute()


def machine_address() -> str:
    """The address by which other machines in the network reach this one; nothing is sent to find out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"

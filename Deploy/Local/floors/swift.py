"""The floors written in Swift: all from one debug build."""

import re
import subprocess

from stack.settings import ROOT

from .floor import Count, Floor

# Pure, and so side by side; then those that start servers or measure time, one test after the other.
PURE = ("DomainTests", "SimulationTests", "ContractTests", "HouseTests")
WITH_SERVERS = ("DriverTests", "ServiceTests", "IntegrationTests")


def build() -> bool:
    print("── build: swift build --build-tests", flush=True)
    return subprocess.run(["swift", "build", "--build-tests"]).returncode == 0


def floors() -> list[Floor]:
    def floor(target: str, *more: str) -> Floor:
        name = re.sub(r"Tests$", "", target).lower()
        command = ["swift", "test", "--skip-build", "--disable-xctest", *more, "--filter", rf"^{target}\."]
        return Floor(name, command, count, quiet="◇ ")

    found = [floor(t, "--parallel") for t in PURE] + [floor(t, "--no-parallel") for t in WITH_SERVERS]
    return found + newer_library()


def newer_library() -> list[Floor]:
    """The Kafka driver over the librdkafka that confluent-kafka brings, newer than Debian's: it speaks SCRAM, for one."""
    library = next((ROOT / ".venv").glob("lib/python3*/site-packages/confluent_kafka.libs/librdkafka-*.so*"), None)
    if not library:
        return []
    command = [
        "env", f"LD_PRELOAD={library}", "swift", "test", "--skip-build", "--disable-xctest", "--no-parallel", "--filter",
        r"^IntegrationTests\.Kafka"]
    return [Floor("driver, newer librdkafka", command, count, quiet="◇ ")]


def count(output: str) -> Count | None:
    """The closing line says how many ran; what failed and what was skipped is told test by test."""
    closing = re.findall(r"^\S+ Test run with (\d+) tests? in \d+ suites? (passed|failed)", output, re.MULTILINE)
    if not closing:
        return None
    failed = len(re.findall(r"^✘ Test (?!run with|case ).* failed after [\d.]+ seconds", output, re.MULTILINE))
    skipped = len(re.findall(r"^➜ Test (?!run with|case ).* skipped(?::|\.|$)", output, re.MULTILINE))
    if closing[-1][1] == "failed":
        failed = max(failed, 1)
    return Count(int(closing[-1][0]) - failed - skipped, failed, skipped)

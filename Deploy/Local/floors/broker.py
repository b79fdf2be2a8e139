"""The conformance of embedded-log, by clients that are not ours; and of Apache Kafka, so that the suite itself is tried."""

import os

from stack.settings import ROOT

from .floor import Floor


def floors() -> list[Floor]:
    suite = ROOT / "Tests/Broker/conformance.py"
    if not suite.exists():
        return []
    python = str(ROOT / ".venv/bin/python")
    found = [Floor("broker", [python, str(suite), "--broker-binary", str(ROOT / ".build/debug/embedded-log")])]
    if os.environ.get("KAFKA_HOME"):
        kafka = [str(ROOT / "Deploy/Local/with-kafka"), python, str(suite), "--bootstrap", "BOOTSTRAP"]
        found.append(Floor("broker, Apache Kafka", kafka))
    return found

"""The conformance of embedded-log, by clients that are not ours and by our driver; and of Apache Kafka, so that the suite itself
is tried."""

import os

from stack.settings import ROOT

from .floor import Floor


def floors() -> list[Floor]:
    suite = ROOT / "Tests/Broker/conformance.py"
    if not suite.exists():
        return []
    python = str(ROOT / ".venv/bin/python")
    built = ROOT / ".build/debug"
    driver = ["--driver", str(built / "switchboard-load")]
    found = [Floor("broker", [python, str(suite), "--broker-binary", str(built / "embedded-log"), *driver])]
    if os.environ.get("KAFKA_HOME"):
        kafka = [str(ROOT / "Deploy/Local/with-kafka"), python, str(suite), "--bootstrap", "BOOTSTRAP", *driver]
        found.append(Floor("broker, Apache Kafka", kafka))
    return found

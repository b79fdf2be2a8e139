"""The conformance of embedded-log, by clients that are not ours and by our driver; and of Apache Kafka, of one node and of
three, so that the suite itself is tried. And our driver, when nodes of three go and hang."""

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
        beside = str(ROOT / "Deploy/Local/with-kafka")
        cases = [python, str(suite), "--bootstrap", "BOOTSTRAP", *driver]
        found += [
            Floor("broker, Apache Kafka", [beside, *cases]),
            Floor("broker, Apache Kafka, 3 nodes", [beside, "nodes=3", *cases]),
            Floor("driver, Apache Kafka, 3 nodes", [python, str(ROOT / "Tests/Broker/cluster")])]
    return found

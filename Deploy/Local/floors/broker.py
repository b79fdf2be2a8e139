"""The conformance of embedded-log, by clients that are not ours; and of Apache Kafka, of one node and of three, so that the
suite itself is tried. And our driver, when nodes of three go and hang."""

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
        beside = str(ROOT / "Deploy/Local/with-kafka")
        cases = [python, str(suite), "--bootstrap", "BOOTSTRAP"]
        found += [
            Floor("broker, Apache Kafka", [beside, *cases]),
            Floor("broker, Apache Kafka, 3 nodes", [beside, "nodes=3", *cases]),
            Floor("driver, Apache Kafka, 3 nodes", [python, str(ROOT / "Tests/Broker/cluster")])]
    return found

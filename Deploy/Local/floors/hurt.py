"""A stack that is hurt under load, and a checker that proves from the logs what must always be true. The short round of
`make faults`: about two minutes for each broker."""

import os

from stack.settings import ROOT

from .floor import Floor


def floors() -> list[Floor]:
    command = [str(ROOT / "Tests/Faults/run"), "short"]
    found = [Floor("faults under load", command)]
    if os.environ.get("KAFKA_HOME"):
        found.append(Floor("faults under load, Apache Kafka", [*command, "broker=kafka"]))
    return found

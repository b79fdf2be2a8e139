"""A rolling restart of every service while calls are made: a short round of `make rolling`, about two minutes for each
broker."""

import os

from stack.settings import ROOT

from .floor import Floor


def floors() -> list[Floor]:
    command = [str(ROOT / "Deploy/Local/rolling"), "short"]
    found = [Floor("rolling restart", [*command, "broker=embedded"])]
    if os.environ.get("KAFKA_HOME"):
        found.append(Floor("rolling restart, Apache Kafka", [*command, "broker=kafka"]))
    return found

#!/usr/bin/env python3
"""Tries a broker of the Kafka protocol through clients that are not ours: librdkafka (confluent-kafka), kcat, the
protocol by hand, and Kafka's own tools where KAFKA_HOME names an installation.

    conformance.py --broker-binary PATH      starts the embedded log, kills it, starts it again
    conformance.py --bootstrap HOST:PORT     any broker that runs; what needs a restart is left out, and said so
    --driver PATH                            switchboard-load, so that our own driver is a client too
    --only WORD                              the cases with that word in their names

The last line is `N passed, N failed, N left out`, and before it is said which and why; the exit code is 0 only when none
failed.
"""

import argparse
import os
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cases_batches
import cases_clients
import cases_codecs
import cases_differences
import cases_driver
import cases_durability
import cases_groups
import cases_java
import cases_limits
import cases_parts
import cases_power
import cases_protocol
from broker import ForeignBroker, OwnBroker

MODULES = [cases_clients, cases_codecs, cases_protocol, cases_batches, cases_groups, cases_durability, cases_power,
           cases_limits, cases_parts, cases_differences, cases_driver, cases_java]


def cases():
    """Every function of the case files whose name starts with `test_`, in the order written."""
    for module in MODULES:
        for name, function in list(vars(module).items()):
            if name.startswith("test_"):
                yield name[5:].replace("_", " "), function


def main():
    parser = argparse.ArgumentParser()
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--broker-binary")
    which.add_argument("--bootstrap")
    parser.add_argument("--driver")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    passed, failed, left_out = 0, 0, {}
    with tempfile.TemporaryDirectory(prefix="broker-") as folder:
        broker = OwnBroker(options.broker_binary, folder) if options.broker_binary else ForeignBroker(options.bootstrap)
        broker.driver = options.driver
        try:
            for name, function in cases():
                if options.only not in name:
                    continue
                why = broker.lacks(getattr(function, "needs", ()))
                if why:
                    print(f"  left out  {name}: {why}", flush=True)
                    left_out.setdefault(why, []).append(name)
                    continue
                start = time.time()
                try:
                    function(broker)
                    passed += 1
                    print(f"  passed    {name} ({time.time() - start:.1f} s)", flush=True)
                except Exception:
                    failed += 1
                    print(f"  FAILED    {name} ({time.time() - start:.1f} s)", flush=True)
                    traceback.print_exc()
        finally:
            broker.stop()
    for why, names in left_out.items():
        print(f"left out, {why}: {', '.join(names)}")
    print(f"{passed} passed, {failed} failed, {sum(map(len, left_out.values()))} left out")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()

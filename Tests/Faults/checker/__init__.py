"""Proves from the logs and the clients' histories that what must always be true was true; `reference` numbers are those
of the invariants in the rules of calls.

    evidence   what there is to judge: logs, inboxes, deliveries, callbacks, records, histories
    rule       which records of a log count
    findings   what was checked, how often, and what was wrong
    calls, commands, rooms, callbacks, effects, people, mirror   one look each
    processes  what ended by itself, and who complained
    bite       whether the fault did something; not a judgement of what was hurt
    census     how many calls were where at the moment of a fault; not a judgement
"""

from .evidence import Evidence
from .findings import Findings
from .judge import judge

__all__ = ["Evidence", "Findings", "judge"]

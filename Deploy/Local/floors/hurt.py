"""A stack that is hurt under load, and a checker that proves from the logs what must always be true. The short round of
`make faults`: about two minutes."""

from stack.settings import ROOT

from .floor import Floor


def floors() -> list[Floor]:
    return [Floor("faults under load", [str(ROOT / "Tests/Faults/run"), "short"])]

"""A rolling restart of every service while calls are made: a short round of `make rolling`, about two minutes."""

from stack.settings import ROOT

from .floor import Floor


def floors() -> list[Floor]:
    return [Floor("rolling restart", [str(ROOT / "Deploy/Local/rolling"), "short"])]

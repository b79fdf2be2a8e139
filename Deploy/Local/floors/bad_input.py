"""What a running stack should never get, and gets here; it takes about a minute and a half."""

from stack.settings import ROOT

from .floor import Floor


def floors() -> list[Floor]:
    return [Floor("bad input", [str(ROOT / "Tests/BadInput/run")])]

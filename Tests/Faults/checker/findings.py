"""What was checked, how often, and what was wrong."""

from collections import Counter

KEPT_PER_INVARIANT = 12

INVARIANTS = {
    1: "one winning device per user and call",
    2: "one terminal event per call",
    4: "nobody seated twice",
    5: "nobody rings past expiresAt + 1 s",
    6: "each joined has exactly one left, in order",
    7: "a closed room is empty everywhere, and a member's room is open",
    8: "one live session per room, never above capacity",
    9: "per call the sequence is 1…n, without gap or repeat",
    10: "every event is in the callbacks, the same id with the same bytes",
    12: "one final record per call",
    14: "the same command twice has one effect and the same answer",
    15: "what does not count in a log has changed nothing",
    16: "nobody is shown offline, or online, for long who is not",
    20: "an accept in time is never beaten by the timer",
    23: "every ringing device gets exactly one end",
}
# Asked for by name; the others are looked at since they lie on the way.
NAMED = (2, 5, 6, 8, 9, 12, 14, 15, 20, 23)


class Findings:
    def __init__(self):
        self.checked: Counter = Counter()
        self.violated: Counter = Counter()
        self.texts: list[str] = []
        self.remarks: Counter = Counter()

    def check(self, invariant: int, holds: bool, text) -> bool:
        """`text` may be a function that makes it."""
        self.checked[invariant] += 1
        if not holds:
            self.violated[invariant] += 1
            if self.violated[invariant] <= KEPT_PER_INVARIANT:
                self.texts.append(f"{invariant} ({INVARIANTS[invariant]}): {text() if callable(text) else text}")
        return holds

    def remark(self, what: str, times: int = 1):
        """Worth counting, and not wrong."""
        self.remarks[what] += times

    @property
    def is_clean(self) -> bool:
        return not self.violated

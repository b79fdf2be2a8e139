"""Follows `seq` and `prev` of each call on one connection, as a client must."""

# Snapshots, and ends: what came before them is in them, or over.
NOTHING_TO_ASK_AFTER = ("call.received", "call.snapshot", "call.connected", "call.ended", "call.merged")


class Numbering:
    def __init__(self):
        self._seen: dict[str, int] = {}                # call → last seq seen
        self._gaps: dict[str, tuple[int, str]] = {}    # call → (seq behind the gap, what it was), until asked again
        self._over: set[str] = set()                   # calls that this connection was told the end of

    def told(self, event: dict) -> list[str]:
        """Faults of one event that fits its schema. A gap is none yet: the client may ask for the call again."""
        data = event["data"]
        call = data.get("callId") or (data.get("roomId") if "seq" in event else None)
        seq = event.get("seq", data.get("seq") if event["type"] == "call.snapshot" else None)
        if event["type"] == "call.expired" and call in self._over:
            return [f"call {call} had ended here before"]
        if call is None or seq is None:
            return []
        faults = []
        if "seq" in data and data["seq"] != seq:
            faults.append(f"seq {seq} of the frame, {data['seq']} of its snapshot")
        prev, seen = event.get("prev"), self._seen.get(call)
        if prev is not None and prev >= seq:
            faults.append(f"prev {prev} is not below seq {seq}")
        if seen is not None and seq <= seen:
            return faults                              # a repeat: dropped
        if event["type"] == "call.received":
            self._over.discard(call)                   # a group call rings anew
        elif call in self._over:
            faults.append(f"call {call} had ended here before")
        if event["type"] in ("call.ended", "call.merged"):
            self._over.add(call)
        if event["type"] not in NOTHING_TO_ASK_AFTER and prev != (seen or 0):
            known = "nothing was seen" if seen is None else f"last seen was {seen}"
            self._gaps.setdefault(call, (seq, f"call {call}: {event['type']} {seq} says prev {prev}, {known}"))
        self._seen[call] = seq
        if event["type"] in ("call.snapshot", "call.connected"):
            self._complete(call, seq)
        return faults

    def answered(self, request: str, data: dict):
        """A snapshot in an answer sets what was last seen, unless it is older."""
        snapshots = data.get("calls", []) if request in ("connect", "call.sync") else [data]
        for snapshot in snapshots:
            call, seq = snapshot.get("callId"), snapshot.get("seq")
            if call and seq and seq >= self._seen.get(call, 0):
                self._seen[call] = seq
                self._complete(call, seq)

    def asked_again(self, call: str | None):
        """A `call.sync` was sent: for one call, or for all."""
        if call is None:
            self._gaps.clear()
        else:
            self._gaps.pop(call, None)

    def unhealed(self) -> list[str]:
        return [f"{what}; no call.sync followed" for _, what in self._gaps.values()]

    def _complete(self, call, seq):
        """All up to `seq` is known. Heals a gap that opened while a `call.sync` was under way already."""
        if call in self._gaps and self._gaps[call][0] <= seq:
            del self._gaps[call]

"""Follows `seq` and `prev` of each call on one connection, as a client must."""

# Snapshots, and ends: what came before them is in them, or over.
NOTHING_TO_ASK_AFTER = ("call.received", "call.snapshot", "call.connected", "call.ended", "call.merged")


class Numbering:
    def __init__(self):
        self._seen: dict[str, int] = {}      # call → last seq seen
        self._gaps: dict[str, str] = {}      # call → the gap that no call.sync has followed yet

    def told(self, event: dict) -> list[str]:
        """Faults of one event that fits its schema. A gap is none yet: the client may ask for the call again."""
        data = event["data"]
        call = data.get("callId") or (data.get("roomId") if "seq" in event else None)
        seq = event.get("seq", data.get("seq") if event["type"] == "call.snapshot" else None)
        if call is None or seq is None:
            return []
        faults = []
        if "seq" in data and data["seq"] != seq:
            faults.append(f"seq {seq} of the frame, {data['seq']} of its snapshot")
        prev, seen = event.get("prev"), self._seen.get(call)
        if prev is not None and prev >= seq:
            faults.append(f"prev {prev} is not below seq {seq}")
        if event["type"] not in NOTHING_TO_ASK_AFTER:
            if seen is not None and seq <= seen:
                return faults                                # a repeat: dropped
            if seen is None and prev != 0:
                self._gaps.setdefault(call, f"call {call}: {event['type']} {seq} came before any snapshot of the call")
            if seen is not None and prev != seen:
                self._gaps.setdefault(call, f"call {call}: {event['type']} {seq} says prev {prev}, last seen was {seen}")
        self._seen[call] = seq
        return faults

    def answered(self, request: str, data: dict):
        """A snapshot in an answer sets what was last seen."""
        snapshots = data.get("calls", []) if request in ("connect", "call.sync") else [data]
        for snapshot in snapshots:
            if "callId" in snapshot and "seq" in snapshot:
                self._seen[snapshot["callId"]] = snapshot["seq"]

    def asked_again(self, call: str | None):
        """A `call.sync` was sent: for one call, or for all."""
        if call is None:
            self._gaps.clear()
        else:
            self._gaps.pop(call, None)

    def unhealed(self) -> list[str]:
        return [gap + "; no call.sync followed" for gap in self._gaps.values()]

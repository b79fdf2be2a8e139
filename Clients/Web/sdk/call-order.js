/**
 * The last fact this device has seen of each call, by its `seq`.
 * Events say which one came before (`prev`); what does not fit is either old or shows that something is missing.
 */
export class CallOrder {
  #lastSeenByCall = new Map();

  /** On a new connection the first thing of each call sets the last seen anew. */
  newConnection() {
    this.#lastSeenByCall.clear();
  }

  /**
   * How to treat an event: `drop` it, `take` it, or take it after a `gap` (then the call wants a sync).
   * An event that carries a snapshot is complete in itself and has no gap; without `prev` none can be seen.
   */
  judge(callId, { seq, prev }, carriesSnapshot) {
    if (seq === undefined) return 'take';
    const seen = this.#lastSeenByCall.get(callId);
    if (seen !== undefined && seq <= seen) return 'drop';
    this.#lastSeenByCall.set(callId, seq);
    const missed = prev !== undefined && prev !== (seen ?? 0);
    return missed && !carriesSnapshot ? 'gap' : 'take';
  }

  /** True when the snapshot of an answer is no older than what was seen; then it is the new last seen. */
  admitSnapshot(callId, seq) {
    const seen = this.#lastSeenByCall.get(callId);
    if (seq === undefined) return true;
    if (seen !== undefined && seq < seen) return false;
    this.#lastSeenByCall.set(callId, seq);
    return true;
  }

  /** True once anything of the call came over the present connection. */
  knows(callId) {
    return this.#lastSeenByCall.has(callId);
  }

  forget(callId) {
    this.#lastSeenByCall.delete(callId);
  }
}

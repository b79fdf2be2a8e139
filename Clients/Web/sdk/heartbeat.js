const DEFAULT_INTERVAL_MS = 15_000;

/** Either side gives a connection up after so many silent intervals. */
const SILENT_INTERVALS = 2;

/** Keeps one ready connection talking: pings when this side was silent, gives up when the other was for too long. */
export class Heartbeat {
  #clock;
  #intervalMs;
  #actions;
  #lastSent;
  #lastHeard;
  #pings = 0;
  #timer = null;

  /** `actions`: `ping(id)` sends one, `giveUp()` is called once at most. */
  constructor(clock, intervalMs, actions) {
    this.#clock = clock;
    this.#intervalMs = intervalMs > 0 ? intervalMs : DEFAULT_INTERVAL_MS;
    this.#actions = actions;
    this.#lastSent = this.#lastHeard = clock.now();
    this.#wait();
  }

  sent() {
    this.#lastSent = this.#clock.now();
  }

  heard() {
    this.#lastHeard = this.#clock.now();
  }

  stop() {
    this.#clock.clearTimeout(this.#timer);
  }

  #wait() {
    const due = Math.min(this.#lastSent + this.#intervalMs, this.#lastHeard + SILENT_INTERVALS * this.#intervalMs);
    this.#timer = this.#clock.setTimeout(() => this.#beat(), Math.max(0, due - this.#clock.now()));
  }

  #beat() {
    const now = this.#clock.now();
    if (now >= this.#lastHeard + SILENT_INTERVALS * this.#intervalMs) return this.#actions.giveUp();
    if (now >= this.#lastSent + this.#intervalMs) {
      this.sent();
      this.#actions.ping(`ping-${++this.#pings}`);
    }
    this.#wait();
  }
}

/** What the worker does: it waits, and says whose time has come. */
const WORKER_SOURCE = `
const timers = new Map();
onmessage = ({ data: { id, wait } }) => {
  clearTimeout(timers.get(id));
  timers.delete(id);
  if (wait === undefined) return;
  timers.set(id, setTimeout(() => (timers.delete(id), postMessage(id)), wait));
};`;

/**
 * Timers that keep their time in a hidden tab. Browsers let a hidden page's own timers run once a minute, too seldom
 * for a heartbeat: the line would be lost and nobody could ring the tab. A worker's timers are left alone.
 * Where no worker may be had (by the page's security policy, or outside a browser) they are the page's own.
 */
export class SteadyTimers {
  #worker = null;
  #makeWorker;
  #isMade = false;
  #last = 0;
  #waitingById = new Map();

  /** `makeWorker` takes the worker's source; it may throw, and the worker may fail later. */
  constructor(makeWorker = workerOf) {
    this.#makeWorker = makeWorker;
  }

  setTimeout(action, milliseconds = 0) {
    this.#makeOnce();
    const id = ++this.#last;
    const waiting = { action, due: Date.now() + milliseconds, own: null };
    this.#waitingById.set(id, waiting);
    if (this.#worker) this.#worker.postMessage({ id, wait: milliseconds });
    else this.#useOwnTimer(id, waiting);
    return id;
  }

  clearTimeout(id) {
    const waiting = this.#waitingById.get(id);
    if (!waiting) return;
    this.#waitingById.delete(id);
    if (waiting.own !== null) globalThis.clearTimeout(waiting.own);
    else this.#worker?.postMessage({ id });
  }

  #makeOnce() {
    if (this.#isMade) return;
    this.#isMade = true;
    try {
      this.#worker = this.#makeWorker(WORKER_SOURCE);
      this.#worker.onmessage = ({ data: id }) => this.#fire(id);
      this.#worker.onerror = () => this.#doWithoutWorker();
    } catch {
      this.#worker = null;
    }
  }

  #doWithoutWorker() {
    this.#worker?.terminate();
    this.#worker = null;
    for (const [id, waiting] of this.#waitingById) if (waiting.own === null) this.#useOwnTimer(id, waiting);
  }

  #useOwnTimer(id, waiting) {
    waiting.own = globalThis.setTimeout(() => this.#fire(id), Math.max(0, waiting.due - Date.now()));
  }

  #fire(id) {
    const waiting = this.#waitingById.get(id);
    this.#waitingById.delete(id);
    waiting?.action();
  }
}

function workerOf(source) {
  const address = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  try {
    return new Worker(address);
  } finally {
    URL.revokeObjectURL(address);
  }
}

import { ResultCode } from './codes.js';
import { randomName } from './platform.js';

/** How long one request is repeated before it is given up, unless it names an earlier end. */
const REQUEST_LIMIT_MS = 60_000;

/** The server answers within 5 s; later than this the answer is taken for lost and the request sent again. */
const ANSWER_LIMIT_MS = 7_000;

/** The first wait after "try again"; each further one is twice as long. */
const FIRST_RETRY_MS = 2_000;

/** More requests than this wait at once only when the network is gone; further ones are refused. */
const PENDING_LIMIT = 512;

/**
 * Requests on their way: each is sent until it has a real answer, on whatever connection is up.
 * A request with an effect has a `cmd`, the same each time it is sent, so that the server does it once.
 */
export class RequestBook {
  #clock;
  #send = null;
  #boot = randomName(12);
  #lastNumber = 0;
  #requestsById = new Map();
  #pending = new Set();

  constructor(clock) {
    this.#clock = clock;
  }

  /**
   * The answer as `{code, message?, data}`, never an exception: TRY_AGAIN when the time was up without a real one.
   * - `once`: it has an effect and bears a `cmd` (default); a query does without and gets a fresh answer each time.
   * - `until`: the clock's time in ms after which it is no longer sent, at most a minute from now.
   * - `isWanted`: asked before each repetition; false lets the request go.
   * - `replaces`: an older unanswered request of the same name is no longer sent and gets this one's answer.
   */
  request(type, data, { once = true, until = Infinity, isWanted = () => true, replaces = null } = {}) {
    return new Promise((resolve) => {
      if (this.#pending.size >= PENDING_LIMIT) return resolve(answer(ResultCode.TRY_AGAIN, 'too many requests are waiting'));
      const deadline = Math.min(until, this.#clock.now() + REQUEST_LIMIT_MS);
      const request = { type, data, isWanted, replaces, resolve, deadline, attempts: 0, ids: [], timer: null, sent: false };
      if (once) request.cmd = `${this.#boot}-${++this.#lastNumber}`;
      request.limit = this.#clock.setTimeout(() => this.#settle(request, giveUp(request)), Math.max(0, deadline - this.#clock.now()));
      this.#takeOver(request);
      this.#pending.add(request);
      if (this.#send) this.#transmit(request);
    });
  }

  /** A connection is ready: what has no answer yet goes out again, in the order it was asked. */
  connected(send) {
    this.#send = send;
    for (const request of [...this.#pending]) {
      if (request.isWanted()) this.#transmit(request);
      else this.#settle(request, giveUp(request));
    }
  }

  /** The connection is gone; requests wait for the next. */
  disconnected() {
    this.#send = null;
    for (const request of this.#pending) this.#clock.clearTimeout(request.timer);
  }

  /** No connection will come any more. */
  closed() {
    this.disconnected();
    for (const request of [...this.#pending]) this.#settle(request, answer(ResultCode.CHAT_DISCONNECTED, 'not connected'));
  }

  /** An answer frame `{re, code, message?, data?}`; one that nobody waits for any more is dropped. */
  receive(frame) {
    const request = this.#requestsById.get(frame.re);
    if (!request) return;
    const again = frame.code === ResultCode.TRY_AGAIN || frame.code === ResultCode.TOO_FAST;
    if (again) this.#repeatLater(request, frame);
    else this.#settle(request, { code: frame.code, message: frame.message, data: frame.data ?? {} });
  }

  #transmit(request) {
    this.#clock.clearTimeout(request.timer);
    const id = String(++this.#lastNumber);
    request.ids.push(id);
    request.sent = true;
    this.#requestsById.set(id, request);
    const { cmd, type, data } = request;
    this.#send(cmd ? { id, cmd, type, data } : { id, type, data });
    request.timer = this.#clock.setTimeout(() => this.#repeatLater(request), ANSWER_LIMIT_MS);
  }

  #repeatLater(request, frame = { code: ResultCode.TRY_AGAIN, message: 'no answer' }) {
    this.#clock.clearTimeout(request.timer);
    const wait = Math.max(FIRST_RETRY_MS * 2 ** request.attempts++, frame.data?.retryAfterMs ?? 0);
    const tooLate = this.#clock.now() + wait >= request.deadline;
    if (tooLate || !request.isWanted()) return this.#settle(request, answer(frame.code, frame.message, frame.data));
    request.timer = this.#clock.setTimeout(() => {
      if (!request.isWanted()) this.#settle(request, giveUp(request));
      else if (this.#send) this.#transmit(request);
    }, wait);
  }

  #takeOver(newer) {
    if (!newer.replaces) return;
    for (const older of [...this.#pending]) {
      if (older.replaces !== newer.replaces) continue;
      const { resolve } = newer;
      newer.resolve = (result) => (resolve(result), older.resolve(result));
      this.#remove(older);
    }
  }

  #settle(request, result) {
    this.#remove(request);
    request.resolve(result);
  }

  #remove(request) {
    this.#clock.clearTimeout(request.timer);
    this.#clock.clearTimeout(request.limit);
    for (const id of request.ids) this.#requestsById.delete(id);
    this.#pending.delete(request);
  }
}

function giveUp(request) {
  return answer(ResultCode.TRY_AGAIN, request.sent ? 'no answer in time' : 'no connection in time');
}

function answer(code, message, data = {}) {
  return { code, message, data };
}

import { CloseCode, ResultCode } from './codes.js';
import { Heartbeat } from './heartbeat.js';
import { randomName } from './platform.js';

export const SUBPROTOCOL = 'switchboard.v1';

/** From opening the socket to the answer of `connect`; later than this the attempt is given up for another. */
const HANDSHAKE_LIMIT_MS = 10_000;

/** How long the very first connection is tried before `open` says no. */
const FIRST_CONNECTION_LIMIT_MS = 60_000;

const BACKOFF_FIRST_MS = 500;
const BACKOFF_LIMIT_MS = 10_000;

/** The first wait before `connect` is repeated on the same socket. */
const CONNECT_RETRY_FIRST_MS = 2_000;

/** As many calls may be named in one `connect`; of others the silence tells. */
const CALLS_NAMED_MAX = 16;

/** After these nothing is gained by coming back as one is. */
const FINAL_CLOSE_CODES = new Set([
  CloseCode.PROTOCOL_ERROR,
  CloseCode.BANNED,
  CloseCode.CONNECT_TIMEOUT,
  CloseCode.REPLACED,
  CloseCode.TOO_LARGE,
  CloseCode.TOO_FAST,
]);

/**
 * One device's line to the server, over as many sockets as it takes.
 *
 * States: `idle` (never opened) → `connecting` → `connected` ⇄ `reconnecting` → `closed` (stays so until opened again).
 * `hooks`: `onState(state, detail)`, `onReady(connectData)`, `onLost()`, `onFrame(frame)`,
 * `shownCalls() → CallIDs`, of which no end was heard, asked for with each `connect`;
 * `renewToken() → promise of a token, or null`; it rejects where one may be had later.
 */
export class Connection {
  state = 'idle';
  /** Add to the local clock to get the server's, in ms. */
  serverOffsetMs = 0;
  #platform;
  #clock;
  #hooks;
  #settings = null;
  #socket = null;
  #heartbeat = null;
  #attempt = null;
  #failures = 0;
  #retryTimer = null;
  #goawayTimer = null;
  #firstVerdict = null;
  #tokenRenewed = false;
  #stopWatchingNetwork = null;

  constructor(platform, hooks) {
    this.#platform = platform;
    this.#clock = platform.clock;
    this.#hooks = hooks;
  }

  /**
   * Opens the line and keeps it open. Resolves with the first answer to `connect`, `{code, data?}`.
   * `settings`: `url`, and the `connect` frame's `token, deviceId, platform, appIdentifier?, logsSince?`.
   */
  open(settings) {
    this.close();
    this.#settings = settings;
    this.#failures = 0;
    this.#tokenRenewed = false;
    this.#watchNetwork();
    return new Promise((resolve) => {
      const limit = this.#clock.setTimeout(() => this.#closeFor(ResultCode.CHAT_DISCONNECTED), FIRST_CONNECTION_LIMIT_MS);
      this.#firstVerdict = (verdict) => {
        this.#clock.clearTimeout(limit);
        this.#firstVerdict = null;
        resolve(verdict);
      };
      this.#setState('connecting');
      this.#dial();
    });
  }

  /** Ends the line from this side, without logging out: to the server this is a loss. */
  close() {
    if (this.#settings) this.#closeFor(ResultCode.CHAT_DISCONNECTED);
  }

  /** Sends a frame; only while `connected`. */
  send(frame) {
    this.#heartbeat?.sent();
    this.#socket?.send(JSON.stringify(frame));
  }

  /** The token for the next `connect`. */
  useToken(token) {
    if (this.#settings) this.#settings.token = token;
  }

  /**
   * A record was told: the next `connect` asks for those behind it. Only where records were asked for at all; one that
   * has not been filed yet has a `syncTime` of 0 and comes again.
   */
  noteRecord(syncTime) {
    if (this.#settings?.logsSince < syncTime) this.#settings.logsSince = syncTime;
  }

  /** Drops the socket and dials at once: for when the network is known to have come back. */
  reconnectNow() {
    if (this.state !== 'connected' && this.state !== 'reconnecting') return;
    this.#dropSocket();
    this.#setState('reconnecting');
    this.#dial();
  }

  #dial() {
    this.#clock.clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
    let socket;
    try {
      socket = new this.#platform.WebSocket(this.#settings.url, [SUBPROTOCOL]);
    } catch (error) {
      return this.#closeFor(ResultCode.PARAM_ERROR, { message: String(error) });
    }
    this.#socket = socket;
    this.#attempt = { cmd: `connect-${randomName(16)}`, sends: 0, shrugged: false, isReady: false, sentAt: 0, timer: null };
    this.#attempt.timer = this.#clock.setTimeout(() => this.#lost(0), HANDSHAKE_LIMIT_MS);
    socket.onopen = () => this.#sendConnect();
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#lost(event.code, event.reason);
    socket.onerror = () => {};
  }

  #sendConnect() {
    const { url, ...data } = this.#settings;
    const callIds = this.#hooks.shownCalls().slice(0, CALLS_NAMED_MAX);
    if (callIds.length > 0) data.callIds = callIds;
    const attempt = this.#attempt;
    this.#clock.clearTimeout(attempt.timer);
    attempt.timer = this.#clock.setTimeout(() => this.#lost(0), HANDSHAKE_LIMIT_MS);
    attempt.sentAt = this.#clock.now();
    this.#socket.send(JSON.stringify({ id: `connect-${++attempt.sends}`, cmd: attempt.cmd, type: 'connect', data }));
  }

  #receive(text) {
    const frame = parse(text);
    if (!frame) return;
    this.#heartbeat?.heard();
    if (typeof frame.re === 'string' && frame.re.startsWith('connect-')) return this.#connectAnswered(frame);
    if (!this.#attempt.isReady) return;
    if (typeof frame.re === 'string' && frame.re.startsWith('ping-')) return;
    if (frame.type === 'goaway') this.#goAway(frame.data?.reconnectInMs ?? 0);
    this.#hooks.onFrame(frame);
  }

  #connectAnswered(frame) {
    const attempt = this.#attempt;
    if (attempt.isReady) return;
    this.#clock.clearTimeout(attempt.timer);
    switch (frame.code) {
      case ResultCode.SUCCESS:
        return this.#becomeReady(frame.data ?? {});
      case ResultCode.TRY_AGAIN:
      case ResultCode.TOO_FAST: {
        attempt.shrugged = true;
        const wait = Math.max(CONNECT_RETRY_FIRST_MS * 2 ** (attempt.sends - 1), frame.data?.retryAfterMs ?? 0);
        attempt.timer = this.#clock.setTimeout(() => this.#sendConnect(), wait);
        return;
      }
      case ResultCode.TOKEN_INVALID:
        return this.#comeBackWithNewToken(frame);
      default:
        if (attempt.shrugged) return this.#lost(0);
        return this.#closeFor(frame.code, { message: frame.message, data: frame.data });
    }
  }

  #becomeReady(data) {
    const now = this.#clock.now();
    this.#attempt.isReady = true;
    this.#failures = 0;
    this.#tokenRenewed = false;
    if (data.serverTime) this.serverOffsetMs = data.serverTime - (this.#attempt.sentAt + now) / 2;
    this.#heartbeat = new Heartbeat(this.#clock, data.pingIntervalMs, {
      ping: (id) => this.#socket?.send(JSON.stringify({ id, type: 'ping', data: {} })),
      giveUp: () => this.#lost(0),
    });
    this.#setState('connected', data);
    this.#hooks.onReady(data);
    this.#firstVerdict?.({ code: ResultCode.SUCCESS, data });
  }

  /** The socket is gone, or was given up (`closeCode` 0). */
  #lost(closeCode, reason) {
    const { shrugged } = this.#attempt;
    this.#dropSocket();
    if (closeCode === CloseCode.TOKEN) return this.#comeBackWithNewToken({ closeCode, reason });
    if (FINAL_CLOSE_CODES.has(closeCode) && !(shrugged && closeCode === CloseCode.PROTOCOL_ERROR)) {
      return this.#closeFor(resultFor(closeCode), { closeCode, reason });
    }
    this.#comeBackLater(closeCode);
  }

  #comeBackLater(closeCode) {
    const ceiling = Math.min(BACKOFF_LIMIT_MS, BACKOFF_FIRST_MS * 2 ** this.#failures++);
    this.#setState(this.#firstVerdict ? 'connecting' : 'reconnecting', { closeCode });
    this.#retryTimer = this.#clock.setTimeout(() => this.#dial(), this.#clock.random() * ceiling);
  }

  /** A refused token is asked for anew once; refused again, the line closes. */
  async #comeBackWithNewToken(refusal) {
    this.#dropSocket();
    const settings = this.#settings;
    this.#setState(this.#firstVerdict ? 'connecting' : 'reconnecting', { closeCode: CloseCode.TOKEN });
    const mayRenew = !this.#tokenRenewed;
    this.#tokenRenewed = true;
    let token = null;
    let mayComeLater = false;
    try {
      if (mayRenew) token = await this.#hooks.renewToken();
    } catch {
      mayComeLater = true;
      this.#tokenRenewed = false;
    }
    if (this.#settings !== settings || this.#socket) return;
    if (mayComeLater) return this.#comeBackLater(CloseCode.TOKEN);
    if (!token) return this.#closeFor(ResultCode.TOKEN_INVALID, { message: refusal.message, closeCode: CloseCode.TOKEN });
    settings.token = token;
    this.#dial();
  }

  /** The server asks its devices to move; each picks a moment of its own within the time given. */
  #goAway(withinMs) {
    this.#clock.clearTimeout(this.#goawayTimer);
    this.#goawayTimer = this.#clock.setTimeout(() => this.reconnectNow(), this.#clock.random() * withinMs);
  }

  #closeFor(code, detail = {}) {
    this.#dropSocket();
    this.#clock.clearTimeout(this.#retryTimer);
    this.#stopWatchingNetwork?.();
    this.#settings = null;
    this.#setState('closed', { code, ...detail });
    this.#firstVerdict?.({ code, ...detail });
  }

  #dropSocket() {
    const wasReady = this.#attempt?.isReady;
    this.#clock.clearTimeout(this.#attempt?.timer);
    this.#clock.clearTimeout(this.#goawayTimer);
    this.#heartbeat?.stop();
    this.#heartbeat = null;
    const socket = this.#socket;
    this.#socket = null;
    if (this.#attempt) this.#attempt.isReady = false;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
      socket.close(1000);
    }
    if (wasReady) this.#hooks.onLost();
  }

  #setState(state, detail = {}) {
    if (state === this.state) return;
    this.state = state;
    this.#hooks.onState(state, detail);
  }

  /** A page that hears it is online again does not wait for the backoff to pass. */
  #watchNetwork() {
    const { network } = this.#platform;
    this.#stopWatchingNetwork?.();
    this.#stopWatchingNetwork = null;
    if (!network) return;
    const online = () => this.#retryTimer && this.#settings && this.#dial();
    network.addEventListener('online', online);
    this.#stopWatchingNetwork = () => network.removeEventListener('online', online);
  }
}

function parse(text) {
  try {
    const frame = JSON.parse(text);
    return frame !== null && typeof frame === 'object' ? frame : null;
  } catch {
    return null;
  }
}

function resultFor(closeCode) {
  switch (closeCode) {
    case CloseCode.REPLACED:
      return ResultCode.REPLACED;
    case CloseCode.BANNED:
      return ResultCode.NOT_ALLOWED;
    case CloseCode.TOO_FAST:
      return ResultCode.TOO_FAST;
    default:
      return ResultCode.CHAT_DISCONNECTED;
  }
}

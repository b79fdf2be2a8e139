import { CallMediaType, ResultCode } from './codes.js';
import { PeerLink } from './peer-link.js';

/** Payloads of a joinId this device has not been told of yet; more than these are dropped. */
const EARLY_PAYLOADS_MAX = 64;

/** Such joinIds at once; the oldest makes place. */
const EARLY_JOINS_MAX = 8;

/** TURN credentials are renewed this long before they expire. */
const ICE_RENEWAL_MARGIN_MS = 60_000;

/** New credentials are waited for no longer than this; the old ones may still do. */
const ICE_RENEWAL_LIMIT_MS = 5_000;

/**
 * The peer connections of one call: one per pair of joinIds, made and dropped as the session says who is inside.
 * `hooks`: `request(type, data, options) → answer`, `serverNow()`, `onStream(userId, stream)`, `onUp(userId)`,
 * `onApp(userId, data)`, `onOutdated()` (the server knows another joinId than we do).
 */
export class PeerMesh {
  #session;
  #platform;
  #localMedia;
  #hooks;
  #linksByUser = new Map();
  #earlyByJoin = new Map();
  #isClosed = false;

  constructor({ session, platform, localMedia, hooks }) {
    this.#session = session;
    this.#platform = platform;
    this.#localMedia = localMedia;
    this.#hooks = hooks;
  }

  /** Brings the links in line with the session; called after each of its changes. */
  update() {
    if (this.#isClosed) return;
    const session = this.#session;
    const isInside = session.isInside && session.joinId && !session.isResettingMedia;
    const wanted = isInside ? session.others.filter((user) => user.joinId) : [];
    for (const [userId, { pair, link }] of this.#linksByUser) {
      if (wanted.some((user) => user.userId === userId && pairOf(session, user) === pair)) continue;
      link.close();
      this.#linksByUser.delete(userId);
    }
    for (const user of wanted) if (!this.#linksByUser.has(user.userId)) this.#connect(user);
  }

  /** A `signal` event: `from {userId, deviceId, joinId}` and the payload's text. */
  signal({ from, payload: text }) {
    const payload = parse(text);
    if (this.#isClosed || payload?.v !== 1) return;
    if (this.#isForAnOldJoin(payload)) return;
    if (payload.kind === 'app') return this.#hooks.onApp(from.userId, payload.data);
    const known = this.#linksByUser.get(from.userId);
    if (known?.joinId === from.joinId) return known.link.receive(payload);
    const early = this.#earlyByJoin.get(from.joinId) ?? [];
    if (early.length < EARLY_PAYLOADS_MAX) early.push(payload);
    this.#earlyByJoin.set(from.joinId, early);
    if (this.#earlyByJoin.size > EARLY_JOINS_MAX) this.#earlyByJoin.delete(this.#earlyByJoin.keys().next().value);
  }

  /** The other's line is back: what was signalled meanwhile is lost, so the path is made anew. */
  cameBack(userId) {
    this.#linksByUser.get(userId)?.link.restart();
  }

  setTrack(kind, track) {
    for (const { link } of this.#linksByUser.values()) link.setTrack(kind, track);
  }

  streamOf(userId) {
    return this.#linksByUser.get(userId)?.link.stream ?? null;
  }

  sendApp(userId, data) {
    return this.#signal(userId, this.#linksByUser.get(userId)?.joinId, { v: 1, kind: 'app', data });
  }

  close() {
    this.#isClosed = true;
    for (const { link } of this.#linksByUser.values()) link.close();
    this.#linksByUser.clear();
    this.#earlyByJoin.clear();
  }

  #connect(user) {
    const session = this.#session;
    const { userId, joinId } = user;
    const link = new PeerLink({
      platform: this.#platform,
      isImpolite: isImpolite(session.self, user),
      kinds: session.mediaType === CallMediaType.AUDIO_VIDEO ? ['audio', 'video'] : ['audio'],
      localMedia: this.#localMedia,
      hooks: {
        send: (payload) => this.#signal(userId, joinId, payload, link),
        onStream: (stream) => this.#hooks.onStream(userId, stream),
        onUp: () => this.#hooks.onUp(userId),
        isOtherOnline: () => session.other(userId)?.online !== false,
        report: (state) => this.#hooks.request('media.report', { roomId: session.roomId, state }),
        freshIceServers: () => this.#freshIceServers(),
      },
    });
    this.#linksByUser.set(userId, { pair: pairOf(session, user), joinId, link });
    const early = this.#earlyByJoin.get(joinId) ?? [];
    this.#earlyByJoin.delete(joinId);
    for (const payload of early) if (!this.#isForAnOldJoin(payload)) link.receive(payload);
  }

  /**
   * Payloads say in `joinId` whom they are for. A reloaded page is reached by what was meant for the page before it
   * until the server has given it a new joinId.
   */
  #isForAnOldJoin({ joinId }) {
    const { joinId: own, isResettingMedia } = this.#session;
    return typeof joinId === 'string' && own !== null && !isResettingMedia && joinId !== own;
  }

  async #signal(to, joinId, payload, link) {
    const data = { roomId: this.#session.roomId, to, joinId, payload: JSON.stringify({ ...payload, joinId }) };
    const answer = await this.#hooks.request('signal', data, { isWanted: () => !this.#isClosed && !link?.isClosed });
    const isOutdated = answer.code === ResultCode.USER_ID_INVALID || answer.code === ResultCode.NOT_IN_CALL;
    if (isOutdated && !this.#isClosed && !link?.isClosed) this.#hooks.onOutdated();
    return answer;
  }

  async #freshIceServers() {
    const session = this.#session;
    const isFresh = session.media && (session.media.expiresAt ?? Infinity) - ICE_RENEWAL_MARGIN_MS > this.#hooks.serverNow();
    if (isFresh) return session.media.iceServers ?? [];
    const until = this.#platform.clock.now() + ICE_RENEWAL_LIMIT_MS;
    const answer = await this.#hooks.request('media.ice', { roomId: session.roomId }, { once: false, until });
    if (answer.code === ResultCode.SUCCESS) session.media = answer.data.media ?? answer.data;
    return session.media?.iceServers ?? [];
  }
}

/** Of two devices the one whose `userId/deviceId` is smaller offers; both are ASCII, so text order is byte order. */
export function isImpolite(self, other) {
  return `${self.userId}/${self.deviceId}` < `${other.userId}/${other.deviceId}`;
}

function pairOf(session, user) {
  return `${session.joinId}|${user.joinId}`;
}

function parse(text) {
  try {
    return typeof text === 'string' ? JSON.parse(text) : text;
  } catch {
    return null;
  }
}

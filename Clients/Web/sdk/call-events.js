import { CallOrder } from './call-order.js';
import { CallUserState, EndReason, ResultCode } from './codes.js';

/** A call that a new connection says nothing about is asked for after this long. */
const SILENCE_AFTER_RECONNECT_MS = 5_000;

/**
 * What the server tells of calls, in order: gaps are filled by `call.sync`, repetitions dropped.
 * `hooks`: `emit`, `request`, `resume(session, snapshot)` (a reloaded page found itself inside), `self()`,
 * `obey(mediaState)` (the server or another page changed this user's own camera or microphone).
 */
export class CallEvents {
  #clock;
  #book;
  #hooks;
  #order = new CallOrder();
  #syncing = new Map();
  #silenceTimer = null;

  constructor({ clock, book, hooks }) {
    this.#clock = clock;
    this.#book = book;
    this.#hooks = hooks;
  }

  /** The calls that are shown and known to the server: of these it owes a state or an end on a new connection. */
  get shownCalls() {
    return this.#shown.map((session) => session.callId);
  }

  get #shown() {
    return this.#book.sessions.filter((session) => this.#isKnownToServer(session));
  }

  /** A new connection: its snapshots replace what was known; calls it is silent about are asked for. */
  connected(snapshots) {
    this.#order.newConnection();
    for (const snapshot of snapshots) {
      this.#order.admitSnapshot(snapshot.callId, snapshot.seq);
      this.#snapshot(snapshot);
    }
    const knownBefore = this.#shown;
    this.#clock.clearTimeout(this.#silenceTimer);
    this.#silenceTimer = this.#clock.setTimeout(() => {
      for (const { callId } of knownBefore) if (this.#book.find(callId) && !this.#order.knows(callId)) this.sync(callId);
    }, SILENCE_AFTER_RECONNECT_MS);
  }

  /** The snapshot in an answer; one older than what was seen is dropped. */
  answered(session, snapshot) {
    if (!this.#order.admitSnapshot(session.callId, snapshot.seq)) return;
    this.#book.apply(session, snapshot);
  }

  receive({ type, seq, prev, data = {} }) {
    const session = this.#book.find(data.callId ?? data.roomId);
    const callId = session?.callId ?? data.callId;
    const verdict = this.#order.judge(callId, { seq, prev }, CARRIES_SNAPSHOT.has(type));
    if (verdict === 'drop') return;
    this.#handle(type, data, session);
    if (verdict === 'gap' && this.#book.find(callId)) this.sync(callId);
  }

  /** Asks for the call's present state; a wish that comes while one is under way makes one more. */
  async sync(callId) {
    if (this.#syncing.has(callId)) return void this.#syncing.set(callId, 'again');
    this.#syncing.set(callId, 'once');
    const answer = await this.#hooks.request('call.sync', { callId }, { once: false });
    const wish = this.#syncing.get(callId);
    this.#syncing.delete(callId);
    const session = this.#book.find(callId);
    if (!session) return;
    const snapshot = answer.data.calls?.find((call) => call.callId === callId);
    const isGone = answer.code === ResultCode.CALL_ID_INVALID || answer.code === ResultCode.NOT_IN_CALL;
    if (snapshot) this.answered(session, snapshot);
    else if ((answer.code === ResultCode.SUCCESS || isGone) && this.#isKnownToServer(session)) {
      this.#book.finish(session, EndReason.ENDED);
    }
    if (wish === 'again' && this.#book.find(callId)) this.sync(callId);
  }

  /** A start that is still unanswered is not there yet, rather than gone. */
  #isKnownToServer(session) {
    return !(session.callState === CallUserState.CALLING && !session.createdAt);
  }

  #handle(type, data, session) {
    const { emit } = this.#hooks;
    switch (type) {
      case 'call.received':
        return this.#received(data);
      case 'call.snapshot':
        return this.#snapshot(data);
      case 'call.connected':
        return session && this.#connected(session, data);
      case 'call.ended':
        return this.#ended(session, data);
      case 'call.expired':
        return session && this.#book.expire(session);
      case 'call.merged':
        return void this.#book.merge(data.callId, data.into);
      case 'call.user.state':
        return session && this.#userState(session, data);
      case 'call.user.connection':
        return session && this.#userConnection(session, data);
      case 'media.state':
        return session && this.#mediaState(session, data);
      case 'media.moved':
        if (session) session.media = data.media;
        return;
      case 'signal':
        return session && this.#book.mesh(session.callId).signal(data);
      case 'call.users.invited':
        return this.#invited(session, data);
      case 'call.type':
        if (session) session.callType = data.callType;
        return emit('onCallTypeChanged', data.callId, data.callType);
      case 'call.media.requested':
        return emit('onMediaTypeChangeRequestReceived', data);
      case 'call.media.result':
        return emit('onMediaTypeChangeResultReceived', data);
      case 'call.log':
        return emit('onServerCallLogReceived', data.log ?? data);
    }
  }

  #received(snapshot) {
    const { callId } = snapshot;
    if (this.#book.howEnded(callId) === 'here') return;
    const known = this.#book.find(callId);
    const session = known ?? this.#book.begin(callId);
    if (session.isInside || session.callState === CallUserState.CONNECTING) return;
    const self = snapshot.self ?? { inside: false, ringing: true };
    this.#book.apply(session, { state: CallUserState.INVITED, ...snapshot, self });
    if (!known) this.#hooks.emit('onCallReceived', session, session.extra);
    if (!session.isRinging) return;
    this.#hooks.request('call.ringing', { callId }, { isWanted: () => session.isRinging, replaces: `ringing ${callId}` });
  }

  #snapshot(snapshot) {
    const { callId, self = {} } = snapshot;
    const ended = this.#book.howEnded(callId);
    const known = this.#book.find(callId);
    if (known) return this.#book.apply(known, snapshot);
    if (self.ringing && !self.inside) return this.#received(snapshot);
    const isInsideHere = self.inside && (!self.deviceId || self.deviceId === this.#hooks.self().deviceId);
    if (!isInsideHere || ended === 'here') return;
    if (ended === 'gaveUp') return this.#hooks.endAgain(callId);
    const session = this.#book.begin(callId);
    session.isResumed = session.isResettingMedia = true;
    this.#hooks.resume(session, snapshot);
    this.#book.apply(session, snapshot);
  }

  #connected(session, snapshot) {
    const startTime = snapshot.startTime ?? session.startTime;
    this.#book.apply(session, { ...snapshot, startTime, state: CallUserState.ONCALL });
  }

  /** Also for a call this page has no session of, when it ended while the page was away. */
  #ended(session, { callId, reason, log, cause }) {
    this.#order.forget(callId);
    if (session) {
      session.cause = cause ?? null;
      this.#book.finish(session, reason, log);
    } else if (!this.#book.howEnded(callId)) {
      const unseen = this.#book.begin(callId);
      if (log) unseen.apply(log);
      this.#book.finish(unseen, reason, log);
    }
  }

  #userState(session, { userId, userState, reason, deviceId }) {
    if (userId === this.#hooks.self().userId) return;
    const isGone = userState >= CallUserState.ENDED;
    this.#book.applyUser(session, userId, { userState, reason, ...(deviceId && { deviceId }), ...(isGone && { joinId: null }) });
    const lacksJoin = userState === CallUserState.ONCALL && session.isInside && !session.other(userId).joinId;
    if (lacksJoin && session.isConnectedTold) this.sync(session.callId);
  }

  #userConnection(session, { userId, online, joinId }) {
    if (userId === this.#hooks.self().userId) return;
    this.#book.applyUser(session, userId, { online, ...(joinId && { joinId }) });
  }

  #mediaState(session, { userId, camera, microphone, screen, mutedBy }) {
    if (userId === this.#hooks.self().userId) return this.#hooks.obey({ camera, microphone, mutedBy });
    const fields = Object.entries({ camera, microphone, screen, mutedBy }).filter(([, value]) => value !== undefined);
    this.#book.applyUser(session, userId, Object.fromEntries(fields));
  }

  #invited(session, { callId, inviterUserId, inviteeIds = [] }) {
    for (const userId of session ? inviteeIds : []) {
      if (userId !== this.#hooks.self().userId) session.applyUser(userId, { userState: CallUserState.INVITED });
    }
    this.#hooks.emit('onRemoteUserInvited', { callId, inviterUserId, inviteeUserList: inviteeIds });
  }
}

/** Their `seq` stands for everything before it too. */
const CARRIES_SNAPSHOT = new Set(['call.received', 'call.snapshot', 'call.connected', 'call.ended', 'call.merged']);

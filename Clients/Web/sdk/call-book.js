import { CallSession } from './call-session.js';
import { CallMediaType, CallUserState, EndReason } from './codes.js';
import { PeerMesh } from './peer-mesh.js';

/** Nobody rings longer than this past `expiresAt`, whatever was lost. */
const RING_SLACK_MS = 1_000;

/** After the ring time the server's verdict follows; without one the call counts as missed. */
const VERDICT_PATIENCE_MS = 5_000;

/** Ended calls remembered, so that what comes late does not bring them back. */
const ENDED_CALLS_MAX = 64;

/**
 * The calls this device is in or rung by, and what the app is told of their changes.
 * `hooks`: `emit(name, …)`, `request(type, data, options)`, `serverNow()`, `self() → {userId, deviceId}`,
 * `sync(callId)`, `onIdle()` (no call wants the camera any more).
 */
export class CallBook {
  #platform;
  #localMedia;
  #hooks;
  #sessionsById = new Map();
  #meshesById = new Map();
  #ringTimersById = new Map();
  #endedById = new Map();

  constructor({ platform, localMedia, hooks }) {
    this.#platform = platform;
    this.#localMedia = localMedia;
    this.#hooks = hooks;
  }

  get sessions() {
    return [...this.#sessionsById.values()];
  }

  /** The call this device is inside, placing or joining; else the one that has been ringing longest. */
  get current() {
    return this.sessions.find(isActive) ?? this.sessions[0] ?? null;
  }

  find(callId) {
    return this.#sessionsById.get(callId);
  }

  mesh(callId) {
    return this.#meshesById.get(callId);
  }

  /** A new session, without any state yet. */
  begin(callId) {
    const session = new CallSession(callId, this.#hooks.self());
    this.#sessionsById.set(callId, session);
    this.#endedById.delete(callId);
    const mesh = new PeerMesh({
      session,
      platform: this.#platform,
      localMedia: this.#localMedia,
      hooks: {
        request: this.#hooks.request,
        serverNow: this.#hooks.serverNow,
        onStream: (userId, stream) => this.#hooks.emit('onRemoteStream', { callId, userId, stream }),
        onUp: (userId) => this.#hooks.emit('onMediaConnected', { callId, userId }),
        onApp: (userId, data) => this.#hooks.emit('onAppMessage', { callId, userId, data }),
        onOutdated: () => this.#hooks.sync(callId),
      },
    });
    this.#meshesById.set(callId, mesh);
    return session;
  }

  /** Takes a snapshot in and tells the app what changed by it. */
  apply(session, snapshot) {
    const before = { state: session.callState, startTime: session.startTime, others: new Map(session.others.map((u) => [u.userId, u])) };
    session.apply(snapshot);
    for (const user of session.others) this.#tellUser(session, before.others.get(user.userId), user);
    this.afterChange(session, before);
  }

  /** Takes one participant's new fields in and tells the app what changed by them. */
  applyUser(session, userId, fields) {
    const before = session.other(userId);
    session.applyUser(userId, fields);
    this.#tellUser(session, before, session.other(userId));
    this.mesh(session.callId)?.update();
  }

  /** This user's own state, changed by this device or by an event. */
  setState(session, callState) {
    const before = { state: session.callState, startTime: session.startTime };
    session.callState = callState;
    this.afterChange(session, before);
  }

  afterChange(session, before) {
    const { callId, startTime, callState } = session;
    if (session.isOver && !session.isRinging) return this.finish(session, callState);
    if (startTime && startTime !== before.startTime) this.#hooks.emit('onStartTimeReceived', startTime, session);
    if (callState === CallUserState.ONCALL && !session.isConnectedTold) {
      session.isConnectedTold = true;
      this.#hooks.emit('onCallConnected', session);
    }
    if (callState !== before.state) this.#hooks.emit('onCallStateChanged', session);
    if (session.mediaType === CallMediaType.AUDIO && isActive(session) && this.#localMedia.camera) this.#localMedia.setCamera(false);
    this.#watchRing(session);
    this.mesh(callId)?.update();
  }

  /** The ring time is over: nothing rings from now on, the verdict follows. */
  expire(session) {
    if (!session.isRinging) return;
    session.isRinging = false;
    session.callState = CallUserState.MISSED;
    this.#hooks.emit('onCallStateChanged', session);
    this.#setRingTimer(session.callId, VERDICT_PATIENCE_MS, () => this.finish(session, EndReason.MISSED));
  }

  /** The call is over for this device. The second time changes nothing. */
  finish(session, reason, log) {
    if (!this.#remove(session)) return;
    session.endReason = reason;
    session.callState = CallUserState.ENDED;
    session.isInside = session.isRinging = false;
    this.#hooks.emit('onCallEnded', session, reason);
    if (log) this.#hooks.emit('onLocalCallLogReceived', log);
  }

  /** Takes a call out of which nothing came, without a word to the app. */
  discard(session) {
    this.#remove(session);
  }

  /** Two calls that crossed became one: the folded one's session gives way to the living one's. */
  merge(goneId, livingId) {
    const gone = this.find(goneId);
    if (!gone || goneId === livingId) return this.find(livingId);
    const living = this.find(livingId) ?? this.begin(livingId);
    if (living.callState < CallUserState.CONNECTING) {
      living.callState = CallUserState.CONNECTING;
      living.isRinging = false;
    }
    if (living.others.length === 0) for (const user of gone.others) living.applyUser(user.userId, user);
    living.mediaType = living.mediaType && gone.mediaType;
    this.#remove(gone);
    this.#hooks.emit('onCallMerged', { callId: goneId, into: livingId, session: living });
    return living;
  }

  /** `here`: this device ended it and the server has not confirmed; `told`: the server knows; else undefined. */
  howEnded(callId) {
    return this.#endedById.get(callId);
  }

  noteEnded(callId, how) {
    this.#endedById.delete(callId);
    this.#endedById.set(callId, how);
    if (this.#endedById.size > ENDED_CALLS_MAX) this.#endedById.delete(this.#endedById.keys().next().value);
  }

  closeAllMeshes() {
    for (const mesh of this.#meshesById.values()) mesh.close();
  }

  #remove(session) {
    const { callId } = session;
    if (this.find(callId) !== session) return false;
    this.#sessionsById.delete(callId);
    this.mesh(callId).close();
    this.#meshesById.delete(callId);
    this.#setRingTimer(callId, null);
    if (!this.howEnded(callId)) this.noteEnded(callId, 'told');
    if (!this.sessions.some(isActive)) this.#hooks.onIdle();
    return true;
  }

  #tellUser(session, before, now) {
    const { callId } = session;
    const { userId } = now;
    const { emit } = this.#hooks;
    if (!before) return;
    if (now.userState !== before.userState) {
      emit('onRemoteUserStateChanged', { callId, userId, userState: now.userState, reason: now.reason });
    }
    if (now.online !== before.online) {
      emit('onRemoteUserConnectionChanged', { callId, userId, online: now.online });
      if (now.online && before.online === false && now.joinId === before.joinId) this.mesh(callId)?.cameBack(userId);
    }
    if (now.camera !== before.camera) emit('onRemoteCameraStateChanged', { callId, userId, disabled: !now.camera });
    if (now.microphone !== before.microphone) emit('onRemoteMicrophoneStateChanged', { callId, userId, disabled: !now.microphone });
  }

  #watchRing(session) {
    if (!session.isRinging || !session.expiresAt) return this.#setRingTimer(session.callId, null);
    const wait = session.expiresAt + RING_SLACK_MS - this.#hooks.serverNow();
    this.#setRingTimer(session.callId, wait, () => this.expire(session));
  }

  #setRingTimer(callId, wait, action) {
    this.#platform.clock.clearTimeout(this.#ringTimersById.get(callId));
    this.#ringTimersById.delete(callId);
    if (wait !== null) this.#ringTimersById.set(callId, this.#platform.clock.setTimeout(action, Math.max(0, wait)));
  }
}

/** This device places, joins or is inside the call: it wants microphone and camera. */
export function isActive(session) {
  return session.isInside || session.callState === CallUserState.CALLING || session.callState === CallUserState.CONNECTING;
}

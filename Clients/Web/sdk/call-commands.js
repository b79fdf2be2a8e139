import { isActive } from './call-book.js';
import { CallLogOrder, CallMediaType, CallType, CallUserState, EndReason, ResultCode } from './codes.js';
import { randomUUID } from './platform.js';

/** After the answer to `call.end` the event with the exact reason follows; the app waits no longer than this for it. */
const END_EVENT_PATIENCE_MS = 1_000;

const LOG_PAGE_DEFAULT = 20;

/** Another device of this user is inside a call: `data.reason` of an ON_CALLING answer. */
const OTHER_DEVICE_ON_CALL = EndReason.OTHER_CLIENT_ON_CALL;

/** What the app asks for: each command changes the session first where the user must see it at once. */
export class CallCommands {
  #book;
  #events;
  #localMedia;
  #clock;
  #hooks;

  /** `hooks`: `emit`, `request`, `self() → {userId, deviceId}`, `serverNow()`, `isConnected()`. */
  constructor({ book, events, localMedia, clock, hooks }) {
    this.#book = book;
    this.#events = events;
    this.#localMedia = localMedia;
    this.#clock = clock;
    this.#hooks = hooks;
  }

  /** The CallID is chosen here, so that the same start sent twice is one call. */
  async start({ calleeIds, callType = CallType.SINGLE, mediaType = CallMediaType.AUDIO_VIDEO, ...rest }) {
    const { extra, ringTimeoutMs, targetId, pushConfig } = rest;
    const active = this.#book.sessions.find(isActive);
    if (active) return { code: ResultCode.ON_CALLING, callId: active.callId, busyLineUserList: [] };
    const callId = randomUUID();
    const session = this.#placing({ callId, calleeIds, callType, mediaType, extra });
    const data = { callId, calleeIds, callType, mediaType, ringTimeoutMs, extra, targetId, pushConfig };
    let answer = await this.#hooks.request('call.start', data);
    const isForgottenCall = answer.data.callId && answer.data.callId !== callId && !this.#book.find(answer.data.callId);
    if (answer.code === ResultCode.ON_CALLING && answer.data.reason !== OTHER_DEVICE_ON_CALL && isForgottenCall) {
      answer = await this.#hooks.request('call.start', { ...data, takeover: true });
    }
    if (answer.code !== ResultCode.SUCCESS) return this.#startRefused(session, answer);
    const livingId = this.#started(session, answer.data);
    return { code: ResultCode.SUCCESS, callId: livingId, busyLineUserList: answer.data.busyLineUserList ?? [] };
  }

  async accept({ callId, mediaType, extra, pushConfig }) {
    const session = this.#book.find(callId);
    if (!session) return { code: ResultCode.CALL_ID_INVALID };
    if (isActive(session)) return { code: ResultCode.SUCCESS };
    if (!session.isRinging) return { code: session.isOver ? ResultCode.ANSWERED_TOO_LATE : ResultCode.NOT_IN_CALL };
    session.isRinging = false;
    const camera = session.mediaType === CallMediaType.AUDIO_VIDEO && mediaType !== CallMediaType.AUDIO;
    const isInAnotherCall = this.#book.sessions.some(isActive);
    if (!isInAnotherCall) this.#openMedia(session, { camera });
    this.#book.setState(session, CallUserState.CONNECTING);
    const until = session.expiresAt ? session.expiresAt - this.#hooks.serverNow() + this.#clock.now() : Infinity;
    const answer = await this.#hooks.request('call.accept', { callId, mediaType, extra, pushConfig }, { until });
    if (this.#book.find(callId) !== session) return { code: answer.code, message: answer.message };
    if (answer.code === ResultCode.SUCCESS) {
      session.toldMedia = { camera, microphone: true };
      if (isInAnotherCall) this.#openMedia(session, { camera, microphone: this.#localMedia.microphone });
      this.#events.answered(session, answer.data);
      this.#tellMedia();
    } else this.#acceptRefused(session, answer);
    return { code: answer.code, message: answer.message };
  }

  /** The camera goes off at once; the app hears `onCallEnded` with the server's reason, or soon without it. */
  async end({ callId, reason, extra, pushConfig } = {}) {
    const session = callId ? this.#book.find(callId) : this.#book.current;
    const id = callId ?? session?.callId;
    if (!id) return { code: ResultCode.NOT_IN_CALL };
    const data = { callId: id, reason, extra, pushConfig };
    if (!session) return this.#sendEnd(data);
    const localReason = reason ?? endReasonHere(session);
    this.#book.noteEnded(id, 'here');
    this.#book.mesh(id).close();
    session.isRinging = false;
    if (!this.#book.sessions.some((other) => other !== session && isActive(other))) this.#localMedia.close();
    if (!this.#hooks.isConnected()) this.#book.finish(session, localReason);
    const answer = await this.#sendEnd(data);
    if (answer.code === ResultCode.SUCCESS) {
      this.#clock.setTimeout(() => this.#book.finish(session, localReason), END_EVENT_PATIENCE_MS);
    } else this.#book.finish(session, localReason);
    return answer;
  }

  /** The server still has this device inside a call that was ended here and could not be told. */
  endAgain(callId) {
    this.#book.noteEnded(callId, 'here');
    this.#sendEnd({ callId });
  }

  async enableCamera(on) {
    const session = this.#book.current;
    if (!session || !isActive(session)) return { code: ResultCode.NOT_IN_CALL };
    if (session.mediaType !== CallMediaType.AUDIO_VIDEO) return { code: ResultCode.NOT_VIDEO_CALL };
    const isDone = await this.#localMedia.setCamera(on);
    const answer = await this.#tellMedia();
    return isDone ? answer : { code: ResultCode.CAMERA_CLOSED };
  }

  async enableMicrophone(on) {
    const session = this.#book.current;
    if (!session || !isActive(session)) return { code: ResultCode.NOT_IN_CALL };
    const isDone = await this.#localMedia.setMicrophone(on);
    const answer = await this.#tellMedia();
    return isDone ? answer : { code: ResultCode.MICROPHONE_CLOSED };
  }

  async ongoingLogs() {
    const answer = await this.#hooks.request('call.ongoing', {}, { once: false });
    return { code: answer.code, callLogList: answer.data.logs ?? [] };
  }

  async historyLogs({ startTime = -1, count = LOG_PAGE_DEFAULT, order = CallLogOrder.ASC } = {}) {
    const { code, data } = await this.#hooks.request('call.logs', { startTime, count, order }, { once: false });
    return { code, callLogInfo: { hasMore: data.hasMore === true, callLogList: data.logs ?? [], syncTime: data.syncTime ?? startTime } };
  }

  async sendAppMessage({ userId, data }) {
    const session = this.#book.current;
    if (!session?.isInside) return { code: ResultCode.NOT_IN_CALL };
    const { code, message } = await this.#book.mesh(session.callId).sendApp(userId, data);
    return { code, message };
  }

  /** A reloaded page found itself inside: camera and microphone as they were, a new joinId, negotiation anew. */
  async resume(session, snapshot) {
    const own = snapshot.participants?.find(({ userId }) => userId === this.#hooks.self().userId) ?? {};
    const camera = own.camera ?? snapshot.mediaType === CallMediaType.AUDIO_VIDEO;
    const microphone = own.microphone ?? true;
    session.toldMedia = { camera, microphone };
    this.#openMedia(session, { camera, microphone });
    const answer = await this.#hooks.request('media.reset', { roomId: snapshot.roomId ?? snapshot.callId });
    if (this.#book.find(session.callId) !== session) return;
    session.isResettingMedia = false;
    if (answer.data.joinId) session.useJoin(answer.data.joinId);
    if (answer.code !== ResultCode.SUCCESS) this.#events.sync(session.callId);
    this.#book.mesh(session.callId).update();
  }

  /** This user's own state came from outside: a mute by the server, which a peer-to-peer device obeys. */
  async obeyMediaState({ camera, microphone, mutedBy }) {
    if (!mutedBy) return;
    if (camera === false) await this.#localMedia.setCamera(false);
    if (microphone === false) await this.#localMedia.setMicrophone(false);
    this.#hooks.emit('onLocalMediaStateChanged', this.#present());
  }

  localTrackChanged(kind, track) {
    for (const session of this.#book.sessions) if (isActive(session)) this.#book.mesh(session.callId).setTrack(kind, track);
    this.#hooks.emit('onLocalMediaStateChanged', this.#present());
  }

  localMediaFailed(kind, error) {
    this.#hooks.emit('onLocalMediaFailed', { kind, error });
    this.#hooks.emit('onLocalMediaStateChanged', this.#present());
    this.#tellMedia();
  }

  endReasonOfClosedLine(code) {
    if (code === ResultCode.REPLACED) return EndReason.OTHER_CLIENT_LOGIN;
    return code === ResultCode.NOT_ALLOWED ? EndReason.KICKED_BY_SERVER : EndReason.ABNORMAL_END;
  }

  #placing({ callId, calleeIds, callType, mediaType, extra }) {
    const session = this.#book.begin(callId);
    const { userId } = this.#hooks.self();
    Object.assign(session, { callType, mediaType, extra: extra ?? null, callerUserId: userId, inviterUserId: userId });
    for (const callee of Array.isArray(calleeIds) ? calleeIds : []) session.applyUser(callee, {});
    this.#book.setState(session, CallUserState.CALLING);
    this.#openMedia(session, { camera: mediaType === CallMediaType.AUDIO_VIDEO });
    return session;
  }

  /** The call that lives now: the started one, or the one that it crossed with. */
  #started(session, data) {
    const mergedId = typeof data.merged === 'string' ? data.merged : data.merged?.into;
    const livingId = mergedId ?? data.callId ?? session.callId;
    const living = this.#book.merge(session.callId, livingId);
    if (living) living.busyLineUserList = data.busyLineUserList ?? [];
    if (living) this.#events.answered(living, data);
    this.#tellMedia();
    return livingId;
  }

  #startRefused(session, { code, message, data }) {
    const { callId } = session;
    if (this.#book.find(callId)) this.#book.discard(session);
    if (code === ResultCode.TRY_AGAIN) this.#sendEnd({ callId });
    return { code, message, callId, busyLineUserList: data.busyLineUserList ?? [], data };
  }

  #acceptRefused(session, { code, data }) {
    switch (code) {
      case ResultCode.ANSWERED_TOO_LATE: {
        const isVerdict = data.state >= CallUserState.ENDED && data.state < CallUserState.ERROR;
        const isElsewhere = data.state === CallUserState.ONCALL || data.state === CallUserState.CONNECTING;
        const reason = isElsewhere ? EndReason.ACCEPT_BY_OTHER_CLIENT : EndReason.ENDED;
        return this.#book.finish(session, data.reason ?? (isVerdict ? data.state : reason));
      }
      case ResultCode.CALL_ID_INVALID:
      case ResultCode.NOT_IN_CALL:
        return this.#book.finish(session, EndReason.ENDED);
      default:
        session.isRinging = true;
        this.#book.setState(session, CallUserState.RINGING);
        if (!this.#book.sessions.some(isActive)) this.#localMedia.close();
        if (code === ResultCode.TRY_AGAIN) this.#events.sync(session.callId);
    }
  }

  async #sendEnd(data) {
    const { code, message } = await this.#hooks.request('call.end', data);
    const isOpen = code === ResultCode.TRY_AGAIN || code === ResultCode.CHAT_DISCONNECTED;
    this.#book.noteEnded(data.callId, isOpen ? 'gaveUp' : 'told');
    return { code, message };
  }

  async #openMedia(session, wish) {
    await this.#localMedia.open(wish);
    if (this.#book.find(session.callId) === session) this.#tellMedia();
  }

  /** Tells the others of camera and microphone where they differ from what they believe. */
  async #tellMedia() {
    const session = this.#book.current;
    if (!session?.isInside) return { code: ResultCode.SUCCESS };
    const believed = session.toldMedia ?? { camera: session.mediaType === CallMediaType.AUDIO_VIDEO, microphone: true };
    const present = this.#present();
    if (believed.camera === present.camera && believed.microphone === present.microphone) return { code: ResultCode.SUCCESS };
    session.toldMedia = present;
    const { roomId } = session;
    const answer = await this.#hooks.request('media.state', { roomId, ...present }, { replaces: `media ${roomId}` });
    return { code: answer.code, message: answer.message };
  }

  #present() {
    return { camera: this.#localMedia.camera, microphone: this.#localMedia.microphone };
  }
}

/** What the user did, as long as the server has not said so: cancelled, declined or hung up. */
function endReasonHere(session) {
  if (session.callState === CallUserState.CALLING) return EndReason.CANCELED;
  return session.isRinging ? EndReason.DECLINED : EndReason.ENDED;
}

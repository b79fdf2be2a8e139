import { CallBook } from './call-book.js';
import { CallCommands } from './call-commands.js';
import { CallEvents } from './call-events.js';
import { ResultCode } from './codes.js';
import { Connection } from './connection.js';
import { claimDeviceId } from './device-identity.js';
import { Listeners } from './listeners.js';
import { LocalMedia } from './local-media.js';
import { browserPlatform } from './platform.js';
import { RequestBook } from './request-book.js';
import { VideoViews } from './video-views.js';

/**
 * A user's device in Switchboard: connect, then call and be called.
 * Set handlers before `connect`: what rings already is told right after it.
 * No method throws for what the server or the network says; answers bear a `code` (ResultCode), 0 when it went well.
 */
export class Switchboard {
  #platform;
  #listeners = new Listeners();
  #requests;
  #connection;
  #localMedia;
  #views;
  #book;
  #events;
  #commands;
  #identity = { userId: null, deviceId: null };
  #tokenRenewal = null;
  #tokenProvider = null;

  /** `overrides` replaces parts of the browser by name: `WebSocket, RTCPeerConnection, mediaDevices, clock, …`. */
  constructor(overrides = {}) {
    this.#platform = browserPlatform(overrides);
    const emit = (name, ...values) => this.#emit(name, ...values);
    const request = (type, data, options) => this.#request(type, data, options);
    const self = () => this.#identity;
    this.#requests = new RequestBook(this.#platform.clock);
    this.#connection = new Connection(this.#platform, {
      onState: (state, detail) => this.#stateChanged(state, detail),
      onReady: (data) => this.#ready(data),
      onLost: () => this.#requests.disconnected(),
      shownCalls: () => this.#events.shownCalls,
      onFrame: (frame) => this.#received(frame),
      renewToken: () => this.#renewToken(),
    });
    this.#localMedia = new LocalMedia(this.#platform, {
      onTrack: (kind, track) => {
        this.#views.localChanged();
        this.#commands.localTrackChanged(kind, track);
      },
      onFailed: (kind, error) => this.#commands.localMediaFailed(kind, error),
    });
    this.#views = new VideoViews(this.#localMedia.stream);
    this.#book = new CallBook({
      platform: this.#platform,
      localMedia: this.#localMedia,
      hooks: {
        emit,
        request,
        self,
        serverNow: () => this.serverNow(),
        sync: (callId) => this.#events.sync(callId),
        onIdle: () => this.#localMedia.close(),
      },
    });
    this.#events = new CallEvents({
      clock: this.#platform.clock,
      book: this.#book,
      hooks: {
        emit,
        request,
        self,
        resume: (session, snapshot) => this.#commands.resume(session, snapshot),
        obey: (state) => this.#commands.obeyMediaState(state),
        endAgain: (callId) => this.#commands.endAgain(callId),
      },
    });
    this.#commands = new CallCommands({
      book: this.#book,
      events: this.#events,
      localMedia: this.#localMedia,
      clock: this.#platform.clock,
      hooks: { emit, request, self, serverNow: () => this.serverNow(), isConnected: () => this.connectionState === 'connected' },
    });
  }

  // MARK: Connection

  /**
   * Connects and stays connected. Resolves with `{code, userId?, deviceId}` once the server has answered.
   * - `url`: the gateway's address: `wss://host/ws`, or a path on the page's own host such as `/ws`.
   * - `token`: an access token, issued by your app server.
   * - `deviceId`: this tab's own by default; it survives reloads.
   * - `logsSince`: the `syncTime` of the last record the app has: newer ones come by `onServerCallLogReceived`, at most
   *   100 for each connection, and again after a reconnect, from the last one that was told.
   * - `onTokenExpired`: gives a promise of a fresh token when this one expires or is refused. Null: there is none, and
   *   the line closes; a rejection: there may be one later.
   */
  async connect({ url, token, deviceId, platform = 'web', appIdentifier, logsSince, onTokenExpired }) {
    this.#tokenProvider = onTokenExpired ?? null;
    this.#identity.deviceId = deviceId ?? this.#identity.deviceId ?? (await claimDeviceId(this.#platform));
    const settings = { url: this.#resolve(url), token, deviceId: this.#identity.deviceId, platform, appIdentifier, logsSince };
    const { code, message } = await this.#connection.open(settings);
    return { code, message, userId: this.#identity.userId, deviceId: this.#identity.deviceId };
  }

  /** Logs this device out: it leaves its calls, and no push reaches it. */
  async logout() {
    const isConnected = this.connectionState === 'connected';
    const answer = isConnected ? await this.#requests.request('logout', {}) : { code: ResultCode.CHAT_DISCONNECTED };
    this.disconnect();
    return { code: answer.code };
  }

  /** Closes the line without logging out; to the server the device is lost and may come back. */
  disconnect() {
    this.#connection.close();
  }

  /** `idle`, `connecting`, `connected`, `reconnecting` or `closed`. */
  get connectionState() {
    return this.#connection.state;
  }

  get userId() {
    return this.#identity.userId;
  }

  get deviceId() {
    return this.#identity.deviceId;
  }

  /** The server's clock in Unix ms, as near as this device knows it. */
  serverNow() {
    return this.#platform.clock.now() + this.#connection.serverOffsetMs;
  }

  /** Tells the server a new token before the old one expires. */
  async refreshToken(token) {
    this.#connection.useToken(token);
    const { code, message } = await this.#requests.request('token.refresh', { token });
    return { code, message };
  }

  // MARK: Events

  /** Calls `listener` at each event of that name; the result takes it off again. */
  on(name, listener) {
    return this.#listeners.on(name, listener);
  }

  off(name, listener) {
    this.#listeners.off(name, listener);
  }

  /** One object with a method per event: `{onCallReceived(session, extra) {…}, …}`. */
  setCallEventHandler(handler) {
    this.#listeners.setHandler(handler);
  }

  // MARK: Calls

  /** Calls somebody: `{code, callId, busyLineUserList}`. The camera opens meanwhile; the call does not wait for it. */
  startCall(options) {
    return this.#commands.start(options);
  }

  /** Answers a ringing call: `{code}`. `mediaType` 0 answers a video call with the camera off. */
  acceptCall(options) {
    return this.#commands.accept(options);
  }

  /** Hangs up, cancels or declines: `{code}`. Without `callId` the current call. */
  endCall(options) {
    return this.#commands.end(options);
  }

  /** `{code}`; NOT_VIDEO_CALL in an audio call, CAMERA_CLOSED when there is none to be had. */
  enableCamera(on) {
    return this.#commands.enableCamera(on);
  }

  /** `{code}`; MICROPHONE_CLOSED when there is none to be had. */
  enableMicrophone(on) {
    return this.#commands.enableMicrophone(on);
  }

  isCameraEnabled() {
    return this.#localMedia.camera;
  }

  isMicrophoneEnabled() {
    return this.#localMedia.microphone;
  }

  /** The call this device is in, or the one that rings; null when there is none. */
  getCurrentCallSession() {
    return this.#book.current;
  }

  /** Every call this device is in or rung by. */
  getCallSessions() {
    return this.#book.sessions;
  }

  /** This user's unfinished calls: `{code, callLogList}`. */
  getOngoingCallLogs() {
    return this.#commands.ongoingLogs();
  }

  /** `{code, callLogInfo: {hasMore, callLogList, syncTime}}`; `syncTime` is the next page's `startTime`. */
  getHistoryCallLogs(options) {
    return this.#commands.historyLogs(options);
  }

  /** Sends `data` (JSON, at most 32 KiB with its wrapping) to another member of the current call. */
  sendAppMessage(options) {
    return this.#commands.sendAppMessage(options);
  }

  // MARK: Views

  /** Shows this device's camera in a `<video>` element, from now on. */
  setLocalVideoView(videoElement) {
    this.#views.setLocal(videoElement);
  }

  /** Shows others: `[{userId, videoElement}]`; each view follows its user over calls. */
  setRemoteVideoView(views) {
    for (const { userId, videoElement } of views) this.#views.setRemote(userId, videoElement, this.remoteStream(userId));
  }

  removeVideoView(userIds) {
    for (const userId of userIds) this.#views.remove(userId);
  }

  get localStream() {
    return this.#localMedia.stream;
  }

  /** What comes from that user in the current call, or null. */
  remoteStream(userId) {
    const session = this.#book.current;
    return (session && this.#book.mesh(session.callId).streamOf(userId)) ?? null;
  }

  // MARK: Inside

  #ready(data) {
    this.#identity.userId = data.userId ?? this.#identity.userId;
    this.#events.connected(data.calls ?? []);
    this.#requests.connected((frame) => this.#connection.send(frame));
  }

  #received(frame) {
    if (typeof frame.re === 'string') return this.#requests.receive(frame);
    switch (frame.type) {
      case 'token.expiring':
        return void this.#renewOnLiveConnection(frame.data);
      case 'kicked':
        return this.#emit('onKicked', frame.data ?? {});
      case 'goaway':
        return;
      case 'call.log':
        this.#connection.noteRecord(frame.data?.syncTime);
        return this.#events.receive(frame);
      default:
        if (typeof frame.type === 'string') this.#events.receive(frame);
    }
  }

  #stateChanged(state, detail) {
    if (state === 'closed') {
      this.#requests.closed();
      for (const session of this.#book.sessions) this.#book.finish(session, this.#endReasonFor(detail));
    }
    this.#emit('onConnectionStateChanged', state, detail);
  }

  #endReasonFor({ code }) {
    return this.#commands.endReasonOfClosedLine(code);
  }

  /** A request refused because the token is over is asked once more with a new one. */
  async #request(type, data, options) {
    if (this.connectionState === 'idle' || this.connectionState === 'closed') {
      return { code: ResultCode.CHAT_DISCONNECTED, message: 'not connected', data: {} };
    }
    const answer = await this.#requests.request(type, data, options);
    if (answer.code !== ResultCode.TOKEN_INVALID || !(await this.#renewOnLiveConnection())) return answer;
    return this.#requests.request(type, data, options);
  }

  async #renewOnLiveConnection(expiring) {
    if (expiring) this.#emit('onTokenExpiring', expiring);
    const token = await this.#renewToken().catch(() => null);
    if (!token) return false;
    const { code } = await this.refreshToken(token);
    return code === ResultCode.SUCCESS;
  }

  /** However many ask at once, the app is asked for one token. */
  #renewToken() {
    this.#tokenRenewal ??= this.#askForToken().finally(() => (this.#tokenRenewal = null));
    return this.#tokenRenewal;
  }

  async #askForToken() {
    return (await this.#tokenProvider?.()) ?? null;
  }

  #emit(name, ...values) {
    if (name === 'onRemoteStream') this.#views.streamChanged(values[0].userId, values[0].stream);
    this.#listeners.emit(name, ...values);
  }

  #resolve(url) {
    try {
      const address = new URL(url, this.#platform.pageAddress);
      if (address.protocol === 'http:') address.protocol = 'ws:';
      if (address.protocol === 'https:') address.protocol = 'wss:';
      return address.href;
    } catch {
      return url;
    }
  }
}

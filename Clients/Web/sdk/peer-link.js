import { ResultCode } from './codes.js';

/** ICE may be disconnected for this long before it is restarted; most short gaps mend themselves. */
const DISCONNECTED_PATIENCE_MS = 3_000;

/** While there is no connection, another attempt is made this often. */
const RESTART_EVERY_MS = 8_000;

/** Without a connection for this long the room is told that media failed. */
const FAILED_AFTER_MS = 30_000;

/**
 * An offer may be this long without an answer before another takes its place: an answer does not say which offer it
 * is for, so two must not be on their way at once.
 */
const ANSWER_PATIENCE_MS = 4_000;

/** A description that was refused is followed by another attempt after this. */
const REDELIVERY_AFTER_MS = 1_000;

/** Candidates that came before the description; more than these are dropped. */
const EARLY_CANDIDATES_MAX = 64;

/** Negotiation waits this long for camera and microphone; what comes later is put in without a new offer. */
const MEDIA_PATIENCE_MS = 2_000;

/**
 * One peer connection, between this device's joinId and another's; a new joinId on either side is a new link.
 *
 * Perfect negotiation: the impolite side offers first and ignores a colliding offer, the polite one rolls back.
 * Every step runs in one chain, so that no description overtakes another.
 */
export class PeerLink {
  stream;
  isClosed = false;
  #platform;
  #clock;
  #isImpolite;
  #kinds;
  #localMedia;
  #hooks;
  #pc;
  #chain;
  #earlyCandidates = [];
  #ignoresOffer = false;
  #offeredAt = -Infinity;
  #reportedFailed = false;
  #patienceTimer = null;
  #restartTimer = null;
  #failedTimer = null;
  #redeliveryTimer = null;

  /**
   * `kinds`: `audio`, `video`: what the call may carry; each is negotiated once, with or without a track yet.
   * `hooks`: `send(payload) → promise of its answer`, `onStream(stream)`, `onUp()`, `report(state)`,
   * `freshIceServers() → promise of servers`, `isOtherOnline()`.
   */
  constructor({ platform, isImpolite, kinds, localMedia, hooks }) {
    this.#platform = platform;
    this.#clock = platform.clock;
    this.#isImpolite = isImpolite;
    this.#kinds = kinds;
    this.#localMedia = localMedia;
    this.#hooks = hooks;
    this.stream = new platform.MediaStream();
    this.#chain = this.#begin().catch((error) => console.warn('switchboard: no peer connection', error));
    this.#inTrouble();
  }

  /** A payload of the other side: `description`, `candidate` or `restart`. */
  receive(payload) {
    if (payload.kind === 'description') this.#then(() => this.#described(payload));
    if (payload.kind === 'candidate') this.#then(() => this.#candidate(payload.candidate));
    if (payload.kind === 'restart' && this.#isImpolite) this.restart();
  }

  /** Looks for a new path: the impolite side offers with fresh ICE credentials, the polite one asks it to. */
  restart() {
    if (this.#isImpolite) this.#then(() => this.#offer({ iceRestart: true }));
    else this.#send({ kind: 'restart' });
  }

  /** Sends `track` (or nothing) from now on, without negotiating anew. */
  setTrack(kind, track) {
    this.#then(async () => {
      for (const { sender } of this.#transceivers(kind)) await sender.replaceTrack(track);
    });
  }

  close() {
    if (this.isClosed) return;
    this.isClosed = true;
    const timers = [this.#patienceTimer, this.#restartTimer, this.#failedTimer, this.#redeliveryTimer];
    for (const timer of timers) this.#clock.clearTimeout(timer);
    if (!this.#pc) return;
    this.#pc.onicecandidate = this.#pc.ontrack = this.#pc.onnegotiationneeded = null;
    this.#pc.oniceconnectionstatechange = null;
    this.#pc.close();
  }

  async #begin() {
    const iceServers = await this.#hooks.freshIceServers();
    await this.#mediaOrPatience();
    if (this.isClosed) return;
    const pc = new this.#platform.RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' });
    this.#pc = pc;
    pc.onicecandidate = ({ candidate }) => this.#foundCandidate(candidate);
    pc.ontrack = ({ track }) => this.#gotTrack(track);
    pc.oniceconnectionstatechange = () => this.#iceChanged();
    if (!this.#isImpolite) return;
    for (const kind of this.#kinds) {
      const options = { direction: 'sendrecv', streams: [this.#localMedia.stream] };
      pc.addTransceiver(this.#localMedia.track(kind) ?? kind, options);
    }
    await this.#offer();
  }

  async #offer({ iceRestart = false } = {}) {
    const pc = this.#pc;
    const isAwaited = pc.signalingState === 'have-local-offer' && this.#clock.now() - this.#offeredAt < ANSWER_PATIENCE_MS;
    if (isAwaited || pc.signalingState === 'have-remote-offer') return;
    if (iceRestart) pc.setConfiguration?.({ ...pc.getConfiguration?.(), iceServers: await this.#hooks.freshIceServers() });
    const offer = await pc.createOffer(iceRestart ? { iceRestart: true } : undefined);
    if (this.isClosed) return;
    await pc.setLocalDescription(offer);
    this.#offeredAt = this.#clock.now();
    this.#sendDescription();
  }

  async #described({ type, sdp }) {
    const pc = this.#pc;
    const isOffer = type === 'offer';
    const collides = isOffer && pc.signalingState !== 'stable';
    this.#ignoresOffer = collides && this.#isImpolite;
    if (this.#ignoresOffer || (!isOffer && pc.signalingState !== 'have-local-offer')) return;
    if (collides) await pc.setLocalDescription({ type: 'rollback' });
    await pc.setRemoteDescription({ type, sdp });
    await this.#takeEarlyCandidates();
    if (isOffer) await this.#answer();
    if (!this.isClosed) pc.onnegotiationneeded = () => this.#then(() => this.#offer());
  }

  /** Answers into the offered media: what this side can send goes into the places the other made for it. */
  async #answer() {
    const pc = this.#pc;
    for (const transceiver of this.#transceivers()) {
      transceiver.direction = 'sendrecv';
      transceiver.sender.setStreams?.(this.#localMedia.stream);
      await transceiver.sender.replaceTrack(this.#localMedia.track(transceiver.receiver.track.kind));
    }
    await pc.setLocalDescription(await pc.createAnswer());
    this.#sendDescription();
  }

  async #candidate(candidate) {
    if (!this.#pc.remoteDescription) {
      if (this.#earlyCandidates.length < EARLY_CANDIDATES_MAX) this.#earlyCandidates.push(candidate);
      return;
    }
    await this.#addCandidate(candidate);
  }

  async #takeEarlyCandidates() {
    for (const candidate of this.#earlyCandidates.splice(0)) await this.#addCandidate(candidate);
  }

  /** A candidate of an offer that was ignored, or of a path given up meanwhile, fits nothing and is dropped. */
  async #addCandidate(candidate) {
    try {
      await this.#pc.addIceCandidate(candidate ?? undefined);
    } catch (error) {
      if (!this.#ignoresOffer) console.debug('switchboard: a candidate was not taken', error);
    }
  }

  #foundCandidate(found) {
    if (found && found.candidate === '') return;
    const candidate = found && {
      candidate: found.candidate,
      sdpMid: found.sdpMid,
      sdpMLineIndex: found.sdpMLineIndex,
      usernameFragment: found.usernameFragment,
    };
    this.#send({ kind: 'candidate', candidate });
  }

  /**
   * An element plays nothing of a stream, not even its sound, before the first frame of a video track in it: a picture
   * joins the stream when it comes, so that whoever answers without a camera is heard.
   */
  #gotTrack(track) {
    if (track.kind === 'video' && track.muted) {
      track.onunmute = () => this.#gotTrack(track);
      return;
    }
    if (!this.stream.getTracks().includes(track)) this.stream.addTrack(track);
    this.#hooks.onStream(this.stream);
  }

  #iceChanged() {
    this.#clock.clearTimeout(this.#patienceTimer);
    switch (this.#pc.iceConnectionState) {
      case 'connected':
      case 'completed':
        return this.#outOfTrouble();
      case 'disconnected':
        this.#inTrouble();
        this.#patienceTimer = this.#clock.setTimeout(() => this.restart(), DISCONNECTED_PATIENCE_MS);
        return;
      case 'failed':
        this.#inTrouble();
        return this.restart();
    }
  }

  #inTrouble() {
    if (this.#failedTimer !== null) return;
    this.#failSoon();
    this.#restartSoon();
  }

  /** Without the other's line nothing can be mended, and nothing is this side's failure. */
  #failSoon() {
    this.#failedTimer = this.#clock.setTimeout(() => {
      if (!this.#hooks.isOtherOnline()) return this.#failSoon();
      this.#reportedFailed = true;
      this.#hooks.report('failed');
    }, FAILED_AFTER_MS);
  }

  #restartSoon() {
    this.#restartTimer = this.#clock.setTimeout(() => {
      if (this.#hooks.isOtherOnline()) this.restart();
      this.#restartSoon();
    }, RESTART_EVERY_MS);
  }

  #outOfTrouble() {
    this.#clock.clearTimeout(this.#failedTimer);
    this.#clock.clearTimeout(this.#restartTimer);
    this.#failedTimer = null;
    this.#hooks.onUp();
    if (this.#reportedFailed) this.#hooks.report('connected');
    this.#reportedFailed = false;
  }

  #mediaOrPatience() {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(resolve, MEDIA_PATIENCE_MS);
      this.#localMedia.settled.finally(() => {
        this.#clock.clearTimeout(timer);
        resolve();
      });
    });
  }

  #transceivers(kind) {
    const all = this.#pc.getTransceivers().filter((transceiver) => transceiver.currentDirection !== 'stopped');
    return kind ? all.filter((transceiver) => transceiver.receiver.track.kind === kind) : all;
  }

  #sendDescription() {
    if (this.isClosed) return;
    const { type, sdp } = this.#pc.localDescription;
    this.#send({ kind: 'description', type, sdp }).then(({ code }) => {
      if (code !== ResultCode.SUCCESS) this.#undelivered();
    });
  }

  /** A description was not taken, because the other was not told of or has no line: tried again, if it has one. */
  #undelivered() {
    this.#offeredAt = -Infinity;
    this.#clock.clearTimeout(this.#redeliveryTimer);
    this.#redeliveryTimer = this.#clock.setTimeout(() => {
      const isInTrouble = this.#failedTimer !== null;
      if (isInTrouble && this.#hooks.isOtherOnline()) this.restart();
    }, REDELIVERY_AFTER_MS);
  }

  #send(payload) {
    return this.isClosed ? NOT_SENT : this.#hooks.send({ v: 1, ...payload });
  }

  /** One step after the other; a step that fails is told and does not stop the next. */
  #then(step) {
    this.#chain = this.#chain.then(() => (this.isClosed || !this.#pc ? undefined : step())).catch((error) => {
      if (!this.isClosed) console.warn('switchboard: negotiation', error);
    });
  }
}

const NOT_SENT = Promise.resolve({ code: ResultCode.NOT_IN_CALL });

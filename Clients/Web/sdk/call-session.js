import { CallUserState } from './codes.js';

/** This device's joinIds that are over, remembered so that a late snapshot does not bring one back. */
const OLD_JOINS_MAX = 32;

/**
 * What this device knows of one call: the server's last snapshot and the events since.
 * Apps read it; only the SDK writes it.
 */
export class CallSession {
  callId;
  roomId;
  sessionId = null;
  callType = 0;
  mediaType = 0;
  callerUserId = null;
  inviterUserId = null;
  inviter = null;
  /** This user's own state, a CallUserState. */
  callState = CallUserState.IDLE;
  /** Server times in Unix ms. */
  createdAt = null;
  startTime = null;
  expiresAt = null;
  extra = null;
  busy = false;
  /** Callees who were in another call when this one was placed: `[{userId, userState}]`. */
  busyLineUserList = [];
  endReason = null;
  /** True when a reloaded page found itself inside. */
  isResumed = false;

  /** @internal `{userId, deviceId}` of this device. */
  self;
  /** @internal */
  isInside = false;
  /** @internal */
  isRinging = false;
  /** @internal */
  joinId = null;
  /** @internal */
  media = null;
  /** @internal The page has asked for a new joinId; until it comes no peer connection is made. */
  isResettingMedia = false;
  /** @internal What the others were last told of this device's camera and microphone. */
  toldMedia = null;
  /** @internal The app has heard that this call is connected. */
  isConnectedTold = false;
  #othersById = new Map();
  #oldJoins = [];

  constructor(callId, self) {
    this.callId = callId;
    this.roomId = callId;
    this.self = self;
  }

  /** Everybody but this user: `{userId, name, avatarUrl, userState, isOnline, isCameraEnabled, isMicrophoneEnabled}`. */
  get remoteUsers() {
    return this.others.map((user) => ({
      userId: user.userId,
      name: user.name ?? null,
      avatarUrl: user.avatarUrl ?? null,
      userState: user.userState,
      isOnline: user.online !== false,
      isCameraEnabled: user.camera === true,
      isMicrophoneEnabled: user.microphone !== false,
    }));
  }

  get isOver() {
    return this.callState >= CallUserState.ENDED;
  }

  /** True for the caller who has not been answered. */
  get isOutgoing() {
    return this.callerUserId === this.self.userId;
  }

  /** @internal */
  get others() {
    return [...this.#othersById.values()];
  }

  /** @internal */
  other(userId) {
    return this.#othersById.get(userId);
  }

  /** @internal Takes the snapshot's fields; a field it does not have stays as it was. */
  apply(snapshot) {
    for (const field of SNAPSHOT_FIELDS) if (snapshot[field] !== undefined) this[field] = snapshot[field];
    if (typeof snapshot.state === 'number') this.callState = snapshot.state;
    if (snapshot.self) this.#applySelf(snapshot.self);
    if (Array.isArray(snapshot.participants)) this.#applyParticipants(snapshot.participants);
  }

  /** @internal One participant's fields; who was not there is added. */
  applyUser(userId, fields) {
    const before = this.#othersById.get(userId) ?? { userId, userState: CallUserState.INVITED, online: true };
    this.#othersById.set(userId, { ...before, ...fields });
  }

  /** @internal This device's new place in the room. */
  useJoin(joinId) {
    if (this.joinId && this.joinId !== joinId) this.#oldJoins.push(this.joinId);
    if (this.#oldJoins.length > OLD_JOINS_MAX) this.#oldJoins.shift();
    this.joinId = joinId;
  }

  #applySelf({ inside, ringing, deviceId, joinId }) {
    const isThisDevice = deviceId === undefined || deviceId === null || deviceId === this.self.deviceId;
    this.isInside = inside === true && isThisDevice;
    this.isRinging = ringing === true;
    if (!this.isInside) this.joinId = null;
    else if (joinId && !this.#oldJoins.includes(joinId)) this.useJoin(joinId);
  }

  #applyParticipants(participants) {
    const present = new Set(participants.map((participant) => participant.userId));
    for (const userId of this.#othersById.keys()) if (!present.has(userId)) this.#othersById.delete(userId);
    for (const participant of participants) {
      if (participant.userId === this.self.userId) continue;
      this.applyUser(participant.userId, { ...participant, joinId: participant.joinId ?? null });
    }
  }
}

const SNAPSHOT_FIELDS = [
  'roomId', 'sessionId', 'callType', 'mediaType', 'callerUserId', 'inviterUserId', 'inviter', 'createdAt',
  'startTime', 'expiresAt', 'extra', 'busy', 'media',
];

import { Switchboard } from '../sdk/switchboard.js';
import { FakeClock, FakeDevices, FakeLocks, FakeStorage, FakeStream, fakePeers, fakeSockets, settle } from './fakes.js';

export const CALL = '6f1c1d52-0000-4000-8000-000000000001';
export const MEDIA = { kind: 'p2p', iceServers: [{ urls: 'stun:one' }], expiresAt: 9_000_000_000_000 };

/** A client among fakes, with the server's side in the test's hands. */
export class Bench {
  clock = new FakeClock();
  Socket = fakeSockets();
  Peer = fakePeers();
  devices = new FakeDevices();
  storage = new FakeStorage();
  locks = new FakeLocks();
  heard = [];
  client;

  constructor(overrides = {}) {
    this.client = new Switchboard({
      WebSocket: this.Socket,
      RTCPeerConnection: this.Peer,
      MediaStream: FakeStream,
      mediaDevices: this.devices,
      clock: this.clock,
      storage: this.storage,
      locks: this.locks,
      network: undefined,
      pageAddress: 'https://example.test/demo/',
      ...overrides,
    });
    const names = [
      'onCallReceived', 'onCallConnected', 'onCallEnded', 'onCallMerged', 'onRemoteUserStateChanged', 'onRemoteUserConnectionChanged',
      'onRemoteCameraStateChanged', 'onRemoteMicrophoneStateChanged', 'onStartTimeReceived', 'onServerCallLogReceived',
      'onLocalCallLogReceived', 'onConnectionStateChanged', 'onKicked', 'onTokenExpiring', 'onRemoteStream', 'onAppMessage',
      'onLocalMediaFailed', 'onCallStateChanged', 'onCallTypeChanged', 'onRemoteUserInvited',
    ];
    for (const name of names) this.client.on(name, (...values) => this.heard.push({ name, values }));
  }

  get socket() {
    return this.Socket.last;
  }
  get peer() {
    return this.Peer.last;
  }

  /** Connects as user `ann`, device `d1`, unless told otherwise. */
  async connect({ userId = 'ann', answer = {}, ...options } = {}) {
    this.userId = userId;
    const connected = this.client.connect({ url: '/ws', token: 'token-1', deviceId: 'd1', ...options });
    await settle();
    this.socket.open();
    this.acceptConnect(answer);
    return connected;
  }

  acceptConnect(data = {}) {
    const fixed = { userId: this.userId, connectionId: 'c', gatewayId: 'g', serverTime: this.clock.now(), pingIntervalMs: 15_000 };
    this.socket.answer(this.socket.lastOf('connect'), { ...fixed, lossGraceMs: 60_000, callIds: [], roomIds: [], calls: [], rooms: [], ...data });
  }

  /** The socket breaks, the client comes back. */
  async reconnect(answer = {}) {
    const before = this.Socket.all.length;
    this.socket.drop(1006);
    await this.clock.advance(10_000);
    if (this.Socket.all.length === before) throw new Error('it did not come back');
    this.socket.open();
    this.acceptConnect(answer);
    await settle();
  }

  async event(type, data, seq, prev) {
    this.socket.receive({ type, seq, prev, data });
    await settle();
  }

  async answer(type, data = {}, code = 0) {
    const request = this.socket.lastOf(type);
    if (!request) throw new Error(`no ${type} was sent`);
    this.socket.answer(request, data, code);
    await settle();
  }

  events(name) {
    return this.heard.filter((event) => event.name === name).map((event) => event.values);
  }

  /** Payloads signalled so far, parsed, without the joinId they are for. */
  get signals() {
    const payloads = this.Socket.all.flatMap((socket) => socket.of('signal')).map((frame) => JSON.parse(frame.data.payload));
    return payloads.map(({ joinId, ...payload }) => payload);
  }

  async signal(payload, { from = 'bob', joinId = 'jb1', deviceId = 'd9' } = {}) {
    await this.event('signal', { roomId: CALL, from: { userId: from, deviceId, joinId }, payload: JSON.stringify(payload) });
  }

  async ring({ seq = 2, ...fields } = {}) {
    await this.event('call.received', { ...this.snapshot({ state: 101, seq, self: { inside: false, ringing: true }, ...fields }) }, seq, 0);
  }

  /** In a connected call with `bob`, whose joinId is `jb1`; ours is `ja1`. */
  async inCall({ mediaType = 1, ...rest } = {}) {
    await this.connect(rest);
    await this.ring({ mediaType });
    const accepted = this.client.acceptCall({ callId: CALL });
    await settle();
    await this.answer('call.accept', this.inside({ mediaType, seq: 4, state: 200 }));
    await this.event('call.connected', this.inside({ mediaType, seq: 5 }), 5, 4);
    await accepted;
    await this.clock.advance(0);
  }

  inside(fields = {}) {
    const self = { inside: true, ringing: false, deviceId: 'd1', joinId: 'ja1' };
    return this.snapshot({ state: 300, startTime: 1_700_000_000_000, self, media: MEDIA, bob: { userState: 300, joinId: 'jb1', deviceId: 'd9' }, ...fields });
  }

  snapshot({ bob = {}, own = {}, ...fields } = {}) {
    return {
      callId: CALL, roomId: CALL, sessionId: 's1', callType: 0, mediaType: 1, callerUserId: 'bob', inviterUserId: 'bob',
      createdAt: 1_700_000_000_000, expiresAt: 1_700_000_060_000,
      participants: [
        { userId: this.userId, name: 'Ann', userState: fields.state, online: true, camera: true, microphone: true, screen: false, ...own },
        { userId: 'bob', name: 'Bob', userState: 100, online: true, camera: true, microphone: true, screen: false, ...bob },
      ],
      ...fields,
    };
  }
}

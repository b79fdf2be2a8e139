import assert from 'node:assert/strict';
import test from 'node:test';
import { Bench, CALL, MEDIA } from './bench.js';
import { settle } from './fakes.js';

/** A start by `ann` towards `bob`, sent and unanswered. */
async function startCall(bench, options = {}) {
  const started = bench.client.startCall({ calleeIds: ['bob'], ...options });
  await settle();
  return { started, callId: bench.socket.lastOf('call.start').data.callId };
}

function placing(bench, callId, fields = {}) {
  const self = { inside: true, ringing: false, deviceId: 'd1', joinId: 'ja1' };
  return bench.snapshot({ callId, roomId: callId, callerUserId: 'ann', state: 100, seq: 2, self, media: MEDIA, bob: { userState: 101 }, ...fields });
}

test('a call that comes in is told, and acknowledged by itself', async () => {
  const bench = new Bench();
  await bench.connect();
  await bench.ring({ extra: 'hello' });
  const [[session, extra]] = bench.events('onCallReceived');
  assert.equal(session.callId, CALL);
  assert.equal(extra, 'hello');
  assert.deepEqual(bench.socket.lastOf('call.ringing').data, { callId: CALL });
  assert.equal(bench.client.getCurrentCallSession(), session);
  assert.deepEqual(session.remoteUsers.map(({ userId, name }) => [userId, name]), [['bob', 'Bob']]);
});

test('the same call again after a reconnect rings on and is acknowledged again, and told once', async () => {
  const bench = new Bench();
  await bench.connect();
  await bench.ring();
  await bench.answer('call.ringing');
  await bench.reconnect();
  await bench.ring({ seq: 3 });
  assert.equal(bench.events('onCallReceived').length, 1);
  assert.equal(bench.socket.of('call.ringing').length, 1);
});

test('an accept leads into the call', async () => {
  const bench = new Bench();
  await bench.inCall();
  assert.deepEqual(bench.socket.lastOf('call.accept').data, { callId: CALL });
  assert.equal(bench.events('onCallConnected').length, 1);
  assert.equal(bench.client.getCurrentCallSession().callState, 300);
  assert.deepEqual(bench.events('onStartTimeReceived').map(([time]) => time), [1_700_000_000_000]);
});

test('a start says everything once and gives code, callId and the busy list', async () => {
  const bench = new Bench();
  await bench.connect();
  const { started, callId } = await startCall(bench, { mediaType: 0, extra: 'x' });
  assert.match(callId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  const { data } = bench.socket.lastOf('call.start');
  assert.deepEqual(data, { callId, calleeIds: ['bob'], callType: 0, mediaType: 0, extra: 'x' });
  await bench.answer('call.start', { ...placing(bench, callId), busyLineUserList: [{ userId: 'bob', userState: 104 }] });
  assert.deepEqual(await started, { code: 0, callId, busyLineUserList: [{ userId: 'bob', userState: 104 }] });
  await bench.event('call.user.state', { callId, userId: 'bob', userState: 102 }, 4, 2);
  assert.deepEqual(bench.events('onRemoteUserStateChanged').at(-1)[0], { callId, userId: 'bob', userState: 102, reason: undefined });
});

test('a refused start leaves nothing behind', async () => {
  const bench = new Bench();
  await bench.connect();
  const { started } = await startCall(bench);
  await bench.answer('call.start', {}, 80006);
  assert.equal((await started).code, 80006);
  assert.equal(bench.client.getCurrentCallSession(), null);
  assert.equal(bench.events('onCallEnded').length, 0);
  assert.equal(bench.client.localStream.getTracks().length, 0);
});

test('inside a call this page knows nothing of, the start says takeover', async () => {
  const bench = new Bench();
  await bench.connect();
  const { callId } = await startCall(bench);
  await bench.answer('call.start', { callId: 'forgotten' }, 80002);
  const [first, second] = bench.socket.of('call.start');
  assert.equal(second.data.takeover, true);
  assert.equal(second.data.callId, callId);
  assert.notEqual(second.cmd, first.cmd);
});

test('another device of this user in a call is not taken over', async () => {
  const bench = new Bench();
  await bench.connect();
  const { started } = await startCall(bench);
  await bench.answer('call.start', { callId: 'elsewhere', reason: 1114 }, 80002);
  assert.equal((await started).code, 80002);
  assert.equal(bench.socket.of('call.start').length, 1);
});

test('inside a call of this page a start is refused at once', async () => {
  const bench = new Bench();
  await bench.inCall();
  assert.deepEqual(await bench.client.startCall({ calleeIds: ['eve'] }), { code: 80002, callId: CALL, busyLineUserList: [] });
});

test('a call hung up before its start is answered does not come back', async () => {
  const bench = new Bench();
  await bench.connect();
  const { started, callId } = await startCall(bench);
  const ended = bench.client.endCall();
  await settle();
  await bench.event('call.ended', { callId, reason: 1003 }, 3, 0);
  await bench.answer('call.start', placing(bench, callId));
  await bench.answer('call.end');
  assert.equal((await started).code, 0);
  assert.equal((await ended).code, 0);
  assert.equal(bench.client.getCurrentCallSession(), null);
  assert.deepEqual(bench.events('onCallEnded').map(([, reason]) => reason), [1003]);
});

test('hanging up lets camera and microphone go at once and tells the reason of the event', async () => {
  const bench = new Bench();
  await bench.inCall();
  const tracks = bench.client.localStream.getTracks();
  bench.client.endCall();
  await settle();
  assert.deepEqual(tracks.map((track) => track.readyState), ['ended', 'ended']);
  assert.deepEqual(bench.socket.lastOf('call.end').data, { callId: CALL });
  await bench.answer('call.end');
  assert.equal(bench.events('onCallEnded').length, 0);
  await bench.event('call.ended', { callId: CALL, reason: 1000, log: { callId: CALL } }, 6, 5);
  assert.deepEqual(bench.events('onCallEnded').map(([, reason]) => reason), [1000]);
  assert.deepEqual(bench.events('onLocalCallLogReceived'), [[{ callId: CALL }]]);
  await bench.clock.advance(5_000);
  assert.equal(bench.events('onCallEnded').length, 1);
});

test('without the event the end is told a second after the answer', async () => {
  const bench = new Bench();
  await bench.inCall();
  bench.client.endCall();
  await settle();
  await bench.answer('call.end');
  await bench.clock.advance(1_000);
  assert.deepEqual(bench.events('onCallEnded').map(([, reason]) => reason), [1000]);
});

test('hanging up without a line ends here at once, and on the server after the reconnect', async () => {
  const bench = new Bench();
  await bench.inCall();
  bench.socket.drop(1006);
  bench.client.endCall();
  await settle();
  assert.equal(bench.events('onCallEnded').length, 1);
  await bench.clock.advance(1_000);
  bench.socket.open();
  bench.acceptConnect({ callIds: [CALL], calls: [bench.inside({ seq: 5 })] });
  await settle();
  assert.equal(bench.socket.of('call.end').length, 1);
  assert.equal(bench.socket.of('media.reset').length, 0);
  assert.equal(bench.client.getCurrentCallSession(), null);
});

test('declining is an end of the ringing call', async () => {
  const bench = new Bench();
  await bench.connect();
  await bench.ring();
  bench.client.endCall({ callId: CALL });
  await settle();
  await bench.answer('call.end');
  await bench.clock.advance(1_000);
  assert.deepEqual(bench.events('onCallEnded').map(([, reason]) => reason), [1004]);
});

test('an accept too late ends with the reason the server gives', async () => {
  const bench = new Bench();
  await bench.connect();
  await bench.ring();
  const accepted = bench.client.acceptCall({ callId: CALL });
  await settle();
  await bench.answer('call.accept', bench.snapshot({ state: 300, seq: 6, self: { inside: false, ringing: false } }), 81001);
  assert.equal((await accepted).code, 81001);
  assert.deepEqual(bench.events('onCallEnded').map(([, reason]) => reason), [1011]);
});

test('an event that was seen is dropped', async () => {
  const bench = new Bench();
  await bench.inCall();
  await bench.event('call.user.connection', { callId: CALL, userId: 'bob', online: false }, 6, 5);
  await bench.event('call.user.connection', { callId: CALL, userId: 'bob', online: true }, 6, 5);
  await bench.event('call.user.connection', { callId: CALL, userId: 'bob', online: true }, 4, 2);
  assert.deepEqual(bench.events('onRemoteUserConnectionChanged').map(([event]) => event.online), [false]);
  assert.equal(bench.socket.of('call.sync').length, 0);
});

test('an event whose forerunner is missing makes a sync, and the snapshot sets the last seen', async () => {
  const bench = new Bench();
  await bench.inCall();
  await bench.event('call.user.state', { callId: CALL, userId: 'bob', userState: 301 }, 9, 7);
  assert.deepEqual(bench.socket.lastOf('call.sync').data, { callId: CALL });
  await bench.answer('call.sync', { calls: [bench.inside({ seq: 12, bob: { userState: 300, joinId: 'jb1', camera: false } })] });
  assert.deepEqual(bench.events('onRemoteCameraStateChanged'), [[{ callId: CALL, userId: 'bob', disabled: true }]]);
  await bench.event('call.user.state', { callId: CALL, userId: 'bob', userState: 301 }, 11, 9);
  await bench.event('call.user.state', { callId: CALL, userId: 'bob', userState: 302 }, 14, 12);
  assert.equal(bench.events('onRemoteUserStateChanged').at(-1)[0].userState, 302);
  assert.equal(bench.socket.of('call.sync').length, 1);
});

test('a sync answer older than what was seen changes nothing', async () => {
  const bench = new Bench();
  await bench.inCall();
  await bench.event('call.user.state', { callId: CALL, userId: 'bob', userState: 301 }, 9, 7);
  await bench.event('call.user.connection', { callId: CALL, userId: 'bob', online: false }, 10, 9);
  await bench.answer('call.sync', { calls: [bench.inside({ seq: 8 })] });
  assert.equal(bench.events('onRemoteUserConnectionChanged').length, 1);
});

test('a call the sync does not know any more is over', async () => {
  const bench = new Bench();
  await bench.inCall();
  await bench.event('call.user.state', { callId: CALL, userId: 'bob', userState: 301 }, 9, 7);
  await bench.answer('call.sync', { calls: [] });
  assert.equal(bench.events('onCallEnded').length, 1);
});

test('a gap while a sync is under way makes exactly one more', async () => {
  const bench = new Bench();
  await bench.inCall();
  await bench.event('call.user.state', { callId: CALL, userId: 'bob', userState: 301 }, 9, 7);
  await bench.event('call.user.state', { callId: CALL, userId: 'bob', userState: 302 }, 12, 11);
  assert.equal(bench.socket.of('call.sync').length, 1);
  await bench.answer('call.sync', { calls: [bench.inside({ seq: 12 })] });
  assert.equal(bench.socket.of('call.sync').length, 2);
  await bench.answer('call.sync', { calls: [bench.inside({ seq: 12 })] });
  assert.equal(bench.socket.of('call.sync').length, 2);
});

test('on a new connection the snapshot counts, whatever was seen before', async () => {
  const bench = new Bench();
  await bench.inCall();
  await bench.reconnect({ callIds: [CALL] });
  await bench.event('call.snapshot', bench.inside({ seq: 5, bob: { joinId: 'jb1', userState: 300, online: false } }), 5, 0);
  assert.equal(bench.events('onRemoteUserConnectionChanged').at(-1)[0].online, false);
  await bench.event('call.user.connection', { callId: CALL, userId: 'bob', online: true }, 6, 5);
  assert.equal(bench.events('onRemoteUserConnectionChanged').at(-1)[0].online, true);
  assert.equal(bench.socket.of('call.sync').length, 0);
});

test('a reconnect in a call changes nothing: no reset, the same peer connection', async () => {
  const bench = new Bench();
  await bench.inCall();
  await bench.reconnect({ callIds: [CALL], calls: [bench.inside({ seq: 5 })] });
  assert.equal(bench.socket.of('media.reset').length, 0);
  assert.equal(bench.Peer.all.length, 1);
  assert.equal(bench.Peer.last.isClosed, false);
  assert.equal(bench.events('onCallConnected').length, 1);
  assert.equal(bench.events('onCallEnded').length, 0);
});

test('a call that a new connection is silent about is asked for', async () => {
  const bench = new Bench();
  await bench.inCall();
  await bench.reconnect();
  await bench.clock.advance(5_000);
  assert.deepEqual(bench.socket.lastOf('call.sync').data, { callId: CALL });
});

test('a call that ended while the line was away is told after the reconnect', async () => {
  const bench = new Bench();
  await bench.inCall();
  await bench.reconnect();
  await bench.event('call.ended', { callId: CALL, reason: 1110, log: { callId: CALL } }, 9, 0);
  assert.deepEqual(bench.events('onCallEnded').map(([, reason]) => reason), [1110]);
});

test('a call of a page before this one that ended is told too, once', async () => {
  const bench = new Bench();
  await bench.connect();
  await bench.event('call.ended', { callId: CALL, reason: 1110, log: { callId: CALL, mediaType: 1 } }, 9, 0);
  await bench.event('call.ended', { callId: CALL, reason: 1110 }, 9, 0);
  assert.deepEqual(bench.events('onCallEnded').map(([session, reason]) => [session.callId, reason]), [[CALL, 1110]]);
});

test('nothing rings a second past its time, whatever was lost', async () => {
  const bench = new Bench();
  await bench.connect();
  await bench.ring({ expiresAt: bench.clock.now() + 8_000 });
  await bench.clock.advance(8_999);
  assert.equal(bench.client.getCurrentCallSession().isRinging, true);
  await bench.clock.advance(1);
  assert.equal(bench.client.getCurrentCallSession().isRinging, false);
  await bench.event('call.ended', { callId: CALL, reason: 1011 }, 5, 2);
  assert.deepEqual(bench.events('onCallEnded').map(([, reason]) => reason), [1011]);
});

test('after call.expired without a verdict the call was missed', async () => {
  const bench = new Bench();
  await bench.connect();
  await bench.ring();
  await bench.event('call.expired', { callId: CALL });
  assert.equal(bench.client.getCurrentCallSession().isRinging, false);
  assert.equal(bench.client.getCurrentCallSession().callState, 1002);
  await bench.clock.advance(5_000);
  assert.deepEqual(bench.events('onCallEnded').map(([, reason]) => reason), [1002]);
});

test('the ring time is measured by the server\'s clock', async () => {
  const bench = new Bench();
  await bench.connect({ answer: { serverTime: bench.clock.now() + 3_600_000 } });
  await bench.ring({ expiresAt: bench.clock.now() + 3_600_000 + 8_000 });
  await bench.clock.advance(8_999);
  assert.equal(bench.client.getCurrentCallSession().isRinging, true);
  await bench.clock.advance(1);
  assert.equal(bench.client.getCurrentCallSession().isRinging, false);
});

test('two calls that crossed are one: the start\'s answer names it', async () => {
  const bench = new Bench();
  await bench.connect();
  const { started } = await startCall(bench);
  await bench.ring();
  await bench.answer('call.start', { ...bench.inside({ state: 200, seq: 6 }), busyLineUserList: [], merged: CALL });
  assert.equal((await started).callId, CALL);
  await bench.event('call.connected', bench.inside({ seq: 8 }), 8, 6);
  assert.equal(bench.events('onCallConnected').length, 1);
  assert.equal(bench.events('onCallEnded').length, 0);
  assert.equal(bench.client.getCallSessions().length, 1);
});

test('two calls that crossed are one: call.merged names it', async () => {
  const bench = new Bench();
  await bench.connect();
  const { started, callId } = await startCall(bench);
  await bench.ring();
  await bench.event('call.merged', { callId, into: CALL }, 5, 0);
  assert.equal(bench.client.getCurrentCallSession().callId, CALL);
  assert.equal(bench.client.getCurrentCallSession().isRinging, false);
  assert.equal(bench.events('onCallMerged').length, 1);
  await bench.answer('call.start', { ...bench.inside({ seq: 6 }), merged: CALL });
  assert.equal((await started).callId, CALL);
});

test('a second call rings while the first goes on', async () => {
  const bench = new Bench();
  await bench.inCall();
  const second = bench.snapshot({ callId: 'second', roomId: 'second', state: 101, busy: true, seq: 2, self: { inside: false, ringing: true } });
  await bench.event('call.received', second, 2, 0);
  assert.equal(bench.events('onCallReceived').length, 2);
  assert.equal(bench.client.getCurrentCallSession().callId, CALL);
  bench.client.endCall({ callId: 'second' });
  await settle();
  await bench.answer('call.end');
  await bench.clock.advance(1_000);
  assert.equal(bench.client.getCurrentCallSession().callId, CALL);
  assert.equal(bench.client.localStream.getTracks().length, 2);
});

test('a handler object and a listener that throws', async () => {
  const bench = new Bench();
  const calls = [];
  const silence = console.error;
  console.error = () => {};
  bench.client.on('onCallReceived', () => {
    throw new Error('listener');
  });
  bench.client.setCallEventHandler({ onCallReceived: (session) => calls.push(session.callId) });
  await bench.connect();
  await bench.ring();
  console.error = silence;
  assert.deepEqual(calls, [CALL]);
});

test('a server record is told', async () => {
  const bench = new Bench();
  await bench.connect();
  await bench.event('call.log', { callId: CALL, endReason: 1002 });
  assert.deepEqual(bench.events('onServerCallLogReceived'), [[{ callId: CALL, endReason: 1002 }]]);
});

test('an event with a snapshot is complete in itself: no sync for what is missing before it', async () => {
  const bench = new Bench();
  await bench.connect();
  const { callId } = await startCall(bench);
  await bench.answer('call.start', placing(bench, callId));
  await bench.event('call.connected', bench.inside({ callId, roomId: callId, callerUserId: 'ann', seq: 9 }), 9, 7);
  assert.equal(bench.events('onCallConnected').length, 1);
  assert.equal(bench.socket.of('call.sync').length, 0);
});

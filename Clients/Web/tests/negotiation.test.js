import assert from 'node:assert/strict';
import test from 'node:test';
import { isImpolite } from '../sdk/peer-mesh.js';
import { Bench, CALL, MEDIA } from './bench.js';
import { settle } from './fakes.js';

const offer = { v: 1, kind: 'description', type: 'offer', sdp: 'offer 1 audio,video' };
const answer = { v: 1, kind: 'description', type: 'answer', sdp: 'their answer' };
const candidate = (n) => ({ v: 1, kind: 'candidate', candidate: { candidate: `candidate:${n}`, sdpMid: '0', sdpMLineIndex: 0, usernameFragment: 'u' } });

/** As `ann` against `bob` we are impolite, as `zoe` polite. */
const impolite = async (options) => {
  const bench = new Bench();
  await bench.inCall(options);
  return bench;
};
const polite = (options) => impolite({ userId: 'zoe', ...options });

test('of two devices the one with the smaller userId/deviceId is impolite, by bytes', () => {
  const device = (userId, deviceId) => ({ userId, deviceId });
  assert.equal(isImpolite(device('ann', 'z'), device('bob', 'a')), true);
  assert.equal(isImpolite(device('bob', 'a'), device('ann', 'z')), false);
  assert.equal(isImpolite(device('Bob', 'a'), device('ann', 'a')), true);
  assert.equal(isImpolite(device('an', 'a'), device('an-x', 'a')), false);
  assert.equal(isImpolite(device('an', 'a'), device('an1', 'a')), true);
});

test('the impolite side offers, to the other\'s joinId, in the shape of version 1', async () => {
  const bench = await impolite();
  const { data } = bench.socket.of('signal')[0];
  assert.deepEqual([data.roomId, data.to, data.joinId], [CALL, 'bob', 'jb1']);
  assert.deepEqual(JSON.parse(data.payload), { v: 1, kind: 'description', type: 'offer', sdp: 'offer 1 audio,video', joinId: 'jb1' });
  assert.deepEqual(bench.peer.configuration.iceServers, MEDIA.iceServers);
  assert.deepEqual(bench.peer.transceivers.map(({ sender }) => sender.track.kind), ['audio', 'video']);
});

test('the polite side waits, answers, and puts its tracks where the other offered', async () => {
  const bench = await polite();
  assert.equal(bench.signals.length, 0);
  await bench.signal(offer);
  assert.deepEqual(bench.signals, [{ v: 1, kind: 'description', type: 'answer', sdp: 'answer to offer 1 audio,video' }]);
  assert.deepEqual(bench.peer.transceivers.map(({ direction }) => direction), ['sendrecv', 'sendrecv']);
  assert.deepEqual(bench.peer.transceivers.map(({ sender }) => sender.track.kind), ['audio', 'video']);
});

test('no peer connection before both are inside', async () => {
  const bench = new Bench();
  await bench.connect();
  await bench.ring();
  assert.equal(bench.Peer.all.length, 0);
  bench.client.acceptCall({ callId: CALL });
  await settle();
  await bench.answer('call.accept', bench.inside({ seq: 4, state: 200, bob: { userState: 100, joinId: undefined } }));
  assert.equal(bench.Peer.all.length, 0);
});

test('the impolite side ignores a colliding offer', async () => {
  const bench = await impolite();
  await bench.signal(offer);
  assert.deepEqual(bench.peer.calls, ['local offer']);
  await bench.signal(answer);
  assert.deepEqual(bench.peer.calls, ['local offer', 'remote answer']);
});

test('the polite side rolls back for a colliding offer', async () => {
  const bench = await polite();
  await bench.signal(offer);
  bench.peer.onnegotiationneeded();
  await settle();
  assert.equal(bench.peer.signalingState, 'have-local-offer');
  await bench.signal({ ...offer, sdp: 'offer 2 audio,video' });
  assert.deepEqual(bench.peer.calls.slice(-4), ['local offer', 'local rollback', 'remote offer', 'local answer']);
});

test('an answer nobody asked for is dropped', async () => {
  const bench = await impolite();
  await bench.signal(answer);
  await bench.signal({ ...answer, sdp: 'again' });
  assert.equal(bench.peer.remoteDescription.sdp, 'their answer');
});

test('candidates before the description are kept, at most 64', async () => {
  const bench = await polite();
  for (let n = 0; n < 70; n++) await bench.signal(candidate(n));
  assert.equal(bench.peer.candidates.length, 0);
  await bench.signal(offer);
  assert.equal(bench.peer.candidates.length, 64);
  assert.equal(bench.peer.candidates[63].candidate, 'candidate:63');
  await bench.signal(candidate(99));
  await bench.signal({ v: 1, kind: 'candidate', candidate: null });
  assert.equal(bench.peer.candidates.length, 66);
});

test('candidates found are sent in full, and null at the end', async () => {
  const bench = await impolite();
  const found = { ...candidate(1).candidate, foundation: 'more than is sent' };
  bench.peer.onicecandidate({ candidate: found });
  bench.peer.onicecandidate({ candidate: null });
  await settle();
  assert.deepEqual(bench.signals.slice(1), [candidate(1), { v: 1, kind: 'candidate', candidate: null }]);
});

test('what comes from a joinId before this device is told of it is kept for it', async () => {
  const bench = new Bench();
  await bench.connect({ userId: 'zoe' });
  bench.client.startCall({ calleeIds: ['bob'] });
  await settle();
  const { callId } = bench.socket.lastOf('call.start').data;
  const inside = (fields) => bench.inside({ callId, roomId: callId, callerUserId: 'zoe', ...fields });
  await bench.answer('call.start', inside({ seq: 2, state: 100, bob: { userState: 102, joinId: undefined } }));
  await bench.event('signal', { roomId: callId, from: { userId: 'bob', deviceId: 'd9', joinId: 'jb1' }, payload: JSON.stringify(offer) });
  assert.equal(bench.Peer.all.length, 0);
  await bench.event('call.connected', inside({ seq: 6 }), 6, 2);
  assert.deepEqual(bench.signals.map(({ type }) => type), ['answer']);
});

test('what comes from a joinId that is over is dropped', async () => {
  const bench = await polite();
  await bench.event('call.user.connection', { callId: CALL, userId: 'bob', online: true, joinId: 'jb2' }, 6, 5);
  await bench.signal(offer, { joinId: 'jb1' });
  assert.equal(bench.signals.length, 0);
  await bench.signal(offer, { joinId: 'jb2' });
  assert.equal(bench.signals.length, 1);
});

test('a new joinId of the other drops the peer connection and starts anew', async () => {
  const bench = await impolite();
  const [first] = bench.Peer.all;
  await bench.event('call.user.connection', { callId: CALL, userId: 'bob', online: true, joinId: 'jb2' }, 6, 5);
  assert.equal(first.isClosed, true);
  assert.equal(bench.Peer.all.length, 2);
  assert.equal(bench.socket.of('signal').at(-1).data.joinId, 'jb2');
});

test('a reloaded page that finds itself inside resets its media and negotiates anew', async () => {
  const bench = new Bench();
  await bench.connect({ answer: { callIds: [CALL] } });
  await bench.event('call.snapshot', bench.inside({ seq: 8, own: { userState: 300, microphone: false, camera: true } }), 8, 0);
  assert.deepEqual(bench.socket.lastOf('media.reset').data, { roomId: CALL });
  assert.equal(bench.Peer.all.length, 0);
  await bench.clock.advance(0);
  await bench.answer('media.reset', { joinId: 'ja2' });
  assert.equal(bench.Peer.all.length, 1);
  assert.equal(bench.signals[0].type, 'offer');
  assert.equal(bench.events('onCallConnected').length, 1);
  assert.equal(bench.client.getCurrentCallSession().isResumed, true);
  assert.equal(bench.client.isMicrophoneEnabled(), false);
  assert.equal(bench.client.localStream.getTracks().find(({ kind }) => kind === 'audio').enabled, false);
  assert.equal(bench.client.isCameraEnabled(), true);
  assert.equal(bench.socket.of('media.state').length, 0);
});

test('the snapshot in the answer to connect resumes just as well', async () => {
  const bench = new Bench();
  bench.userId = 'ann';
  await bench.connect({ answer: { callIds: [CALL], calls: [bench.inside({ seq: 8 })] } });
  await settle();
  assert.equal(bench.socket.of('media.reset').length, 1);
});

test('after the reset a snapshot with the old joinId does not bring it back', async () => {
  const bench = new Bench();
  await bench.connect();
  await bench.event('call.snapshot', bench.inside({ seq: 8 }), 8, 0);
  await bench.answer('media.reset', { joinId: 'ja2' });
  await bench.event('call.snapshot', bench.inside({ seq: 9 }), 9, 8);
  assert.equal(bench.Peer.all.length, 1);
});

test('disconnected for 3 s: the impolite side offers with iceRestart', async () => {
  const bench = await impolite();
  await bench.signal(answer);
  bench.peer.ice('connected');
  bench.peer.ice('disconnected');
  await bench.clock.advance(2_999);
  assert.equal(bench.peer.offers.length, 1);
  await bench.clock.advance(1);
  assert.deepEqual(bench.peer.offers[1], { iceRestart: true });
});

test('disconnected for less is nothing', async () => {
  const bench = await impolite();
  await bench.signal(answer);
  bench.peer.ice('connected');
  bench.peer.ice('disconnected');
  await bench.clock.advance(2_000);
  bench.peer.ice('connected');
  await bench.clock.advance(60_000);
  assert.equal(bench.peer.offers.length, 1);
});

test('failed: the polite side asks with restart, at once', async () => {
  const bench = await polite();
  await bench.signal(offer);
  bench.peer.ice('failed');
  await settle();
  assert.deepEqual(bench.signals.at(-1), { v: 1, kind: 'restart' });
});

test('asked for a restart the impolite side offers with iceRestart', async () => {
  const bench = await impolite();
  await bench.signal(answer);
  await bench.signal({ v: 1, kind: 'restart' });
  assert.deepEqual(bench.peer.offers[1], { iceRestart: true });
});

test('the other\'s line back: offer with iceRestart, or ask for it', async () => {
  for (const [make, last] of [[impolite, 'description'], [polite, 'restart']]) {
    const bench = await make();
    await bench.signal(make === impolite ? answer : offer);
    bench.peer.ice('connected');
    await bench.event('call.user.connection', { callId: CALL, userId: 'bob', online: false }, 6, 5);
    await bench.event('call.user.connection', { callId: CALL, userId: 'bob', online: true }, 7, 6);
    assert.equal(bench.signals.at(-1).kind, last);
  }
});

test('30 s without success: media.report failed, once; connected when it comes back', async () => {
  const bench = await impolite();
  const reports = () => bench.socket.of('media.report').map(({ data }) => data);
  await bench.clock.advance(20_000);
  await bench.event('presence', {});
  await bench.clock.advance(9_999);
  assert.equal(reports().length, 0);
  await bench.clock.advance(1);
  assert.deepEqual(reports(), [{ roomId: CALL, state: 'failed' }]);
  bench.peer.ice('connected');
  await settle();
  assert.deepEqual(reports().at(-1), { roomId: CALL, state: 'connected' });
});

test('credentials that are over are asked for before a restart', async () => {
  const bench = new Bench();
  const media = { ...MEDIA, expiresAt: bench.clock.now() + 100_000 };
  await bench.connect();
  await bench.ring();
  bench.client.acceptCall({ callId: CALL });
  await settle();
  await bench.answer('call.accept', bench.inside({ seq: 4, media }));
  await bench.signal(answer);
  bench.peer.ice('connected');
  assert.equal(bench.socket.of('media.ice').length, 0);
  bench.clock.time += 50_000;
  bench.peer.ice('failed');
  await settle();
  assert.deepEqual(bench.socket.lastOf('media.ice').data, { roomId: CALL });
  await bench.answer('media.ice', { media: { kind: 'p2p', iceServers: [{ urls: 'turn:two' }], expiresAt: 9_000_000_000_000 } });
  assert.deepEqual(bench.peer.configuration.iceServers, [{ urls: 'turn:two' }]);
  assert.deepEqual(bench.peer.offers[1], { iceRestart: true });
});

test('a signal the other no longer stands for makes a sync', async () => {
  const bench = await impolite();
  await bench.answer('signal', {}, 80010);
  assert.equal(bench.socket.of('call.sync').length, 1);
});

test('signals of a peer connection that is gone are not sent again', async () => {
  const bench = await impolite();
  await bench.event('call.user.connection', { callId: CALL, userId: 'bob', online: true, joinId: 'jb2' }, 6, 5);
  await bench.reconnect({ callIds: [CALL], calls: [bench.inside({ seq: 6, bob: { userState: 300, joinId: 'jb2' } })] });
  assert.deepEqual([...new Set(bench.socket.of('signal').map(({ data }) => data.joinId))], ['jb2']);
});

test('what was meant for the page before the reload is dropped', async () => {
  const bench = new Bench();
  await bench.connect({ userId: 'zoe' });
  await bench.event('call.snapshot', bench.inside({ seq: 8 }), 8, 0);
  await bench.signal({ ...offer, joinId: 'ja1', sdp: 'stale audio' });
  await bench.answer('media.reset', { joinId: 'ja2' });
  assert.deepEqual(bench.peer.calls, []);
  await bench.signal({ ...offer, joinId: 'ja2' });
  assert.deepEqual(bench.peer.calls, ['remote offer', 'local answer']);
});

test('what is meant for the new joinId may come before this page knows it', async () => {
  const bench = new Bench();
  await bench.connect({ userId: 'zoe' });
  await bench.event('call.snapshot', bench.inside({ seq: 8 }), 8, 0);
  await bench.signal({ ...offer, joinId: 'ja2' });
  await bench.answer('media.reset', { joinId: 'ja2' });
  await bench.clock.advance(0);
  assert.deepEqual(bench.peer.calls, ['remote offer', 'local answer']);
});

test('a restart asked for while an offer awaits its answer makes no second offer', async () => {
  const bench = await impolite();
  await bench.signal(answer);
  bench.peer.ice('failed');
  await bench.signal({ v: 1, kind: 'restart' });
  assert.equal(bench.peer.offers.length, 2);
  await bench.clock.advance(8_000);
  assert.equal(bench.peer.offers.length, 3);
});

test('an offer that did not arrive is made again when the other is back', async () => {
  const bench = await impolite();
  await bench.answer('signal', {}, 81006);
  await bench.event('call.user.connection', { callId: CALL, userId: 'bob', online: false }, 6, 5);
  await bench.event('call.user.connection', { callId: CALL, userId: 'bob', online: true }, 7, 6);
  assert.equal(bench.peer.offers.length, 2);
});

test('while the other has no line nothing is restarted and nothing has failed', async () => {
  const bench = await impolite();
  await bench.signal(answer);
  await bench.event('call.user.connection', { callId: CALL, userId: 'bob', online: false }, 6, 5);
  for (let i = 0; i < 4; i++) {
    await bench.clock.advance(10_000);
    await bench.event('presence', {});
  }
  assert.equal(bench.socket.of('media.report').length, 0);
  assert.equal(bench.peer.offers.length, 1);
});

test('what is meant for another joinId of this device is dropped', async () => {
  const bench = await polite();
  await bench.signal({ ...offer, joinId: 'ja0' });
  assert.deepEqual(bench.peer.calls, []);
  await bench.signal({ ...offer, joinId: 'ja1' });
  assert.deepEqual(bench.peer.calls, ['remote offer', 'local answer']);
});

test('a description that was refused is followed by another one a second later', async () => {
  const bench = await impolite();
  await bench.answer('signal', {}, 80010);
  await bench.answer('call.sync', { calls: [bench.inside({ seq: 5 })] });
  await bench.clock.advance(999);
  assert.equal(bench.peer.offers.length, 1);
  await bench.clock.advance(1);
  assert.equal(bench.peer.offers.length, 2);
  const other = await polite();
  await other.signal(offer);
  await other.answer('signal', {}, 80010);
  await other.clock.advance(1_000);
  assert.equal(other.signals.at(-1).kind, 'restart');
});

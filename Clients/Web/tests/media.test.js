import assert from 'node:assert/strict';
import test from 'node:test';
import { Bench, CALL } from './bench.js';
import { settle } from './fakes.js';

/** In a call with `bob`, in which this side offers. */
const inCall = async (options) => {
  const bench = new Bench();
  await bench.inCall(options);
  return bench;
};

test('an audio call negotiates audio alone and asks for no camera', async () => {
  const bench = await inCall({ mediaType: 0 });
  assert.equal(bench.signals[0].sdp, 'offer 1 audio');
  assert.equal(bench.devices.asked.some((wish) => wish.video), false);
});

test('the end of the call closes the peer connection and lets the devices go', async () => {
  const bench = await inCall();
  const tracks = bench.client.localStream.getTracks();
  await bench.event('call.ended', { callId: CALL, reason: 1000 }, 6, 5);
  assert.equal(bench.peer.isClosed, true);
  assert.deepEqual(tracks.map((track) => track.readyState), ['ended', 'ended']);
});

test('the microphone goes silent without a new negotiation and the others are told', async () => {
  const bench = await inCall();
  const done = bench.client.enableMicrophone(false);
  await settle();
  assert.deepEqual(bench.socket.lastOf('media.state').data, { roomId: CALL, camera: true, microphone: false });
  await bench.answer('media.state');
  assert.equal((await done).code, 0);
  assert.equal(bench.client.localStream.getTracks().find(({ kind }) => kind === 'audio').enabled, false);
  assert.equal(bench.peer.offers.length, 1);
});

test('the camera off lets the device go; on again takes a new track into the same place', async () => {
  const bench = await inCall();
  const [, video] = bench.peer.transceivers;
  const first = video.sender.track;
  bench.client.enableCamera(false);
  await settle();
  assert.equal(first.readyState, 'ended');
  assert.equal(video.sender.track, null);
  assert.equal(bench.socket.lastOf('media.state').data.camera, false);
  await bench.answer('media.state');
  bench.client.enableCamera(true);
  await settle();
  assert.equal(video.sender.track.readyState, 'live');
  assert.equal(bench.socket.lastOf('media.state').data.camera, true);
  assert.equal(bench.peer.offers.length, 1);
});

test('no camera in an audio call, and none without a call', async () => {
  const bench = await inCall({ mediaType: 0 });
  assert.equal((await bench.client.enableCamera(true)).code, 80005);
  const idle = new Bench();
  await idle.connect();
  assert.equal((await idle.client.enableMicrophone(false)).code, 80003);
});

test('a missing camera costs the picture, not the call', async () => {
  const bench = new Bench();
  bench.devices.missing.add('video');
  await bench.inCall();
  assert.deepEqual(bench.client.localStream.getTracks().map(({ kind }) => kind), ['audio']);
  assert.deepEqual(bench.events('onLocalMediaFailed').map(([{ kind }]) => kind), ['video']);
  assert.deepEqual(bench.socket.lastOf('media.state').data, { roomId: CALL, camera: false, microphone: true });
  assert.equal((await bench.client.enableCamera(true)).code, 80100);
});

test('answered with the camera off it stays off, and nobody need be told', async () => {
  const bench = new Bench();
  await bench.connect();
  await bench.ring();
  bench.client.acceptCall({ callId: CALL, mediaType: 0 });
  await settle();
  assert.equal(bench.socket.lastOf('call.accept').data.mediaType, 0);
  await bench.answer('call.accept', bench.inside({ seq: 4 }));
  await bench.clock.advance(0);
  assert.deepEqual(bench.devices.asked.some((wish) => wish.video), false);
  assert.equal(bench.socket.of('media.state').length, 0);
  assert.equal(bench.signals[0].sdp, 'offer 1 audio,video');
});

test('the other\'s camera and microphone are told', async () => {
  const bench = await inCall();
  await bench.event('media.state', { roomId: CALL, userId: 'bob', camera: false, microphone: true, screen: false }, 6, 5);
  await bench.event('media.state', { roomId: CALL, userId: 'bob', camera: false, microphone: false, screen: false }, 7, 6);
  assert.deepEqual(bench.events('onRemoteCameraStateChanged'), [[{ callId: CALL, userId: 'bob', disabled: true }]]);
  assert.deepEqual(bench.events('onRemoteMicrophoneStateChanged'), [[{ callId: CALL, userId: 'bob', disabled: true }]]);
});

test('a mute by the server is obeyed', async () => {
  const bench = await inCall();
  await bench.event('media.state', { roomId: CALL, userId: 'ann', camera: true, microphone: false, screen: false, mutedBy: 'server' }, 6, 5);
  assert.equal(bench.client.isMicrophoneEnabled(), false);
  assert.equal(bench.client.localStream.getTracks().find(({ kind }) => kind === 'audio').enabled, false);
});

test('views show whom they are for, also when the stream comes later', async () => {
  const bench = await inCall();
  const [local, remote] = [{}, {}];
  bench.client.setLocalVideoView(local);
  bench.client.setRemoteVideoView([{ userId: 'bob', videoElement: remote }]);
  assert.equal(local.srcObject, bench.client.localStream);
  assert.equal(local.muted, true);
  const track = bench.peer.transceivers[0].receiver.track;
  bench.peer.ontrack({ track });
  assert.deepEqual(remote.srcObject.getTracks(), [track]);
  bench.client.removeVideoView(['bob']);
  assert.equal(remote.srcObject, null);
});

test('a message of the app reaches the other', async () => {
  const bench = await inCall();
  bench.client.sendAppMessage({ userId: 'bob', data: { hand: 'up' } });
  await settle();
  assert.deepEqual(bench.signals.at(-1), { v: 1, kind: 'app', data: { hand: 'up' } });
  await bench.signal({ v: 1, kind: 'app', data: 'hi' });
  assert.deepEqual(bench.events('onAppMessage'), [[{ callId: CALL, userId: 'bob', data: 'hi' }]]);
});

test('who is muted and answers another call stays muted, and the others there are told', async () => {
  const bench = await inCall();
  bench.client.enableMicrophone(false);
  await settle();
  await bench.answer('media.state');
  const other = { callId: 'second', roomId: 'second' };
  await bench.event('call.received', bench.snapshot({ ...other, state: 101, busy: true, seq: 2, self: { inside: false, ringing: true } }), 2, 0);
  bench.client.acceptCall({ callId: 'second' });
  await settle();
  await bench.event('call.ended', { callId: CALL, reason: 1000 }, 9, 5);
  await bench.answer('call.accept', bench.inside({ ...other, seq: 4 }));
  await bench.clock.advance(0);
  assert.equal(bench.client.isMicrophoneEnabled(), false);
  assert.deepEqual(bench.socket.lastOf('media.state').data, { roomId: 'second', camera: true, microphone: false });
});

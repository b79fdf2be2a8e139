import assert from 'node:assert/strict';
import test from 'node:test';
import { Bench, CALL } from './bench.js';
import { settle } from './fakes.js';

const start = (bench) => bench.client.startCall({ calleeIds: ['bob'], mediaType: 0 });

test('a request with an effect has an id and a cmd, each used once', async () => {
  const bench = new Bench();
  await bench.connect();
  start(bench);
  bench.client.endCall();
  await settle();
  const frames = [...bench.socket.of('call.start'), ...bench.socket.of('call.end')];
  assert.equal(new Set(frames.map((frame) => frame.id)).size, 2);
  assert.equal(new Set(frames.map((frame) => frame.cmd)).size, 2);
  for (const { cmd } of frames) assert.ok(cmd.length <= 64);
});

test('a query has no cmd, since it wants a fresh answer', async () => {
  const bench = new Bench();
  await bench.connect();
  bench.client.getHistoryCallLogs();
  await settle();
  assert.equal(bench.socket.lastOf('call.logs').cmd, undefined);
});

test('try again: the same cmd after 2, 4, 8, 16 s, then the answer is 50300', async () => {
  const bench = new Bench();
  await bench.connect();
  const started = start(bench);
  await settle();
  for (const wait of [2_000, 4_000, 8_000, 16_000]) {
    const before = bench.socket.of('call.start').length;
    await bench.answer('call.start', {}, 50300);
    await bench.clock.advance(wait - 1);
    assert.equal(bench.socket.of('call.start').length, before, `before ${wait}`);
    await bench.clock.advance(1);
    assert.equal(bench.socket.of('call.start').length, before + 1, `after ${wait}`);
  }
  await bench.answer('call.start', {}, 50300);
  assert.equal((await started).code, 50300);
  const frames = bench.socket.of('call.start');
  assert.equal(new Set(frames.map((frame) => frame.cmd)).size, 1);
  assert.equal(new Set(frames.map((frame) => frame.data.callId)).size, 1);
});

test('a start that was given up is ended, since it may still happen', async () => {
  const bench = new Bench();
  await bench.connect();
  const started = start(bench);
  await bench.clock.advance(59_000);
  bench.socket.open();
  bench.acceptConnect();
  await bench.clock.advance(1_000);
  const { code, callId } = await started;
  assert.equal(code, 50300);
  assert.equal(bench.socket.lastOf('call.end').data.callId, callId);
  assert.equal(bench.client.getCurrentCallSession(), null);
});

test('42900 waits as long as the server says', async () => {
  const bench = new Bench();
  await bench.connect();
  start(bench);
  await settle();
  await bench.answer('call.start', { retryAfterMs: 5_000 }, 42900);
  await bench.clock.advance(4_999);
  assert.equal(bench.socket.of('call.start').length, 1);
  await bench.clock.advance(1);
  assert.equal(bench.socket.of('call.start').length, 2);
});

test('no answer at all counts as try again', async () => {
  const bench = new Bench();
  await bench.connect();
  start(bench);
  await bench.clock.advance(9_000);
  const frames = bench.socket.of('call.start');
  assert.equal(frames.length, 2);
  assert.equal(frames[0].cmd, frames[1].cmd);
});

test('the answer to an earlier sending counts as well', async () => {
  const bench = new Bench();
  await bench.connect();
  const started = start(bench);
  await bench.clock.advance(9_000);
  const [first, second] = bench.socket.of('call.start');
  bench.socket.answer(first, {}, 80007);
  assert.equal((await started).code, 80007);
  bench.socket.answer(second, {}, 80007);
  await settle();
});

test('after a reconnect what has no answer goes out again with its cmd, in order', async () => {
  const bench = new Bench();
  await bench.connect();
  start(bench);
  bench.client.endCall();
  await settle();
  const before = bench.socket.sent.filter((frame) => frame.type.startsWith('call.')).map((frame) => [frame.type, frame.cmd]);
  await bench.reconnect();
  const after = bench.socket.sent.filter((frame) => frame.type.startsWith('call.')).map((frame) => [frame.type, frame.cmd]);
  assert.deepEqual(after, before);
  assert.deepEqual(after.map(([type]) => type), ['call.start', 'call.end']);
});

test('what was answered does not go out again', async () => {
  const bench = new Bench();
  await bench.connect();
  start(bench);
  await settle();
  await bench.answer('call.start', {}, 80007);
  await bench.reconnect();
  assert.equal(bench.socket.of('call.start').length, 0);
});

test('an accept is repeated no longer than the call may ring', async () => {
  const bench = new Bench();
  await bench.connect();
  await bench.ring({ expiresAt: bench.clock.now() + 5_000 });
  const accepted = bench.client.acceptCall({ callId: CALL });
  await settle();
  await bench.answer('call.accept', {}, 50300);
  await bench.clock.advance(2_000);
  assert.equal(bench.socket.of('call.accept').length, 2);
  await bench.answer('call.accept', {}, 50300);
  await bench.clock.advance(10_000);
  assert.equal(bench.socket.of('call.accept').length, 2);
  assert.equal((await accepted).code, 50300);
});

test('a request asked while the line is away goes out when it is back', async () => {
  const bench = new Bench();
  await bench.connect();
  bench.socket.drop(1006);
  const logs = bench.client.getHistoryCallLogs({ count: 5 });
  await bench.clock.advance(1_000);
  bench.socket.open();
  bench.acceptConnect();
  await settle();
  await bench.answer('call.logs', { hasMore: true, logs: [{ callId: CALL }], syncTime: 7 });
  assert.deepEqual(await logs, { code: 0, callLogInfo: { hasMore: true, callLogList: [{ callId: CALL }], syncTime: 7 } });
});

test('without a line every request says so', async () => {
  const bench = new Bench();
  assert.equal((await start(bench)).code, 80012);
  await bench.connect();
  const pending = start(bench);
  await settle();
  bench.socket.drop(4409);
  assert.equal((await pending).code, 80012);
});

test('a request refused for its token is asked once more with a new one', async () => {
  const bench = new Bench();
  await bench.connect({ onTokenExpired: async () => 'new' });
  start(bench);
  await settle();
  const [first] = bench.socket.of('call.start');
  await bench.answer('call.start', {}, 31004);
  await bench.answer('token.refresh');
  const [, second] = bench.socket.of('call.start');
  assert.notEqual(second.cmd, first.cmd);
  assert.equal(second.data.callId, first.data.callId);
});

test('of two media states only the newer is repeated', async () => {
  const bench = new Bench();
  await bench.inCall();
  const muted = bench.client.enableMicrophone(false);
  await settle();
  await bench.answer('media.state', {}, 50300);
  const loud = bench.client.enableMicrophone(true);
  await settle();
  await bench.answer('media.state');
  assert.deepEqual([(await muted).code, (await loud).code], [0, 0]);
  await bench.clock.advance(10_000);
  assert.deepEqual(bench.socket.of('media.state').map((frame) => frame.data.microphone), [false, true]);
});

test('however many requests are refused for the token, one new one is asked for', async () => {
  const bench = new Bench();
  let asked = 0;
  await bench.connect({ onTokenExpired: async () => `new-${++asked}` });
  bench.client.getHistoryCallLogs();
  bench.client.getOngoingCallLogs();
  await settle();
  for (const type of ['call.logs', 'call.ongoing']) bench.socket.answer(bench.socket.lastOf(type), {}, 31004);
  await settle();
  assert.equal(asked, 1);
});

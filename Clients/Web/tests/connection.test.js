import assert from 'node:assert/strict';
import test from 'node:test';
import { Bench, CALL } from './bench.js';
import { settle } from './fakes.js';

test('the first frame is connect, with the token in it and not in the address', async () => {
  const bench = new Bench();
  const answer = await bench.connect();
  assert.equal(bench.socket.url, 'wss://example.test/ws');
  assert.deepEqual(bench.socket.protocols, ['switchboard.v1']);
  const [first] = bench.socket.sent;
  assert.equal(first.type, 'connect');
  assert.deepEqual({ ...first.data }, { token: 'token-1', deviceId: 'd1', platform: 'web' });
  assert.ok(first.id && first.cmd);
  assert.deepEqual(answer, { code: 0, message: undefined, userId: 'ann', deviceId: 'd1' });
  assert.equal(bench.client.connectionState, 'connected');
});

test('each connect names the calls that are shown', async () => {
  const bench = new Bench();
  const named = () => bench.socket.lastOf('connect').data.callIds;
  await bench.inCall();
  assert.equal(named(), undefined);
  await bench.reconnect();
  assert.deepEqual(named(), [CALL]);
  await bench.event('call.ended', { callId: CALL, reason: 1000 }, 9, 0);
  await bench.reconnect();
  assert.equal(named(), undefined);
});

test('a call whose start is not answered is not named: its start is sent again', async () => {
  const bench = new Bench();
  await bench.connect();
  bench.client.startCall({ calleeIds: ['bob'] });
  await settle();
  await bench.reconnect();
  assert.equal(bench.socket.of('connect').at(-1).data.callIds, undefined);
  assert.equal(bench.socket.of('call.start').length, 1);
});

test('sixteen calls are named at most', async () => {
  const bench = new Bench();
  await bench.connect();
  for (let number = 10; number < 30; number++) await bench.ring({ callId: CALL.replace(/01$/, String(number)) });
  await bench.reconnect();
  assert.equal(bench.socket.lastOf('connect').data.callIds.length, 16);
});

test('a refused connect is told and not tried again', async () => {
  const bench = new Bench();
  const connected = bench.client.connect({ url: '/ws', token: 'bad', deviceId: 'd1' });
  await settle();
  bench.socket.open();
  bench.socket.answer(bench.socket.lastOf('connect'), {}, 80001);
  assert.equal((await connected).code, 80001);
  await bench.clock.advance(120_000);
  assert.equal(bench.Socket.all.length, 1);
  assert.equal(bench.client.connectionState, 'closed');
});

test('a connect answered with try again is sent again with the same cmd after 2, 4 and 8 s', async () => {
  const bench = new Bench();
  const connected = bench.client.connect({ url: '/ws', token: 't', deviceId: 'd1' });
  await settle();
  bench.socket.open();
  for (const wait of [2_000, 4_000, 8_000]) {
    const before = bench.socket.sent.length;
    bench.socket.answer(bench.socket.lastOf('connect'), {}, 50300);
    await bench.clock.advance(wait - 1);
    assert.equal(bench.socket.sent.length, before);
    await bench.clock.advance(1);
    assert.equal(bench.socket.sent.length, before + 1);
  }
  assert.equal(new Set(bench.socket.sent.map((frame) => frame.cmd)).size, 1);
  assert.equal(new Set(bench.socket.sent.map((frame) => frame.id)).size, 4);
  bench.userId = 'ann';
  bench.acceptConnect();
  assert.equal((await connected).code, 0);
});

test('a connect that was shrugged at comes back even from 4400', async () => {
  const bench = new Bench();
  bench.client.connect({ url: '/ws', token: 't', deviceId: 'd1' });
  await settle();
  bench.socket.open();
  bench.socket.answer(bench.socket.lastOf('connect'), {}, 50300);
  bench.socket.drop(4400);
  await bench.clock.advance(10_000);
  assert.equal(bench.Socket.all.length, 2);
});

for (const code of [1000, 1001, 1006, 1011, 4500, 4503, 4508]) {
  test(`after close code ${code} it comes back`, async () => {
    const bench = new Bench();
    await bench.connect();
    bench.socket.drop(code);
    assert.equal(bench.client.connectionState, 'reconnecting');
    await bench.clock.advance(10_000);
    assert.equal(bench.Socket.all.length, 2);
  });
}

for (const code of [4400, 4403, 4408, 4409, 4413, 4429]) {
  test(`after close code ${code} it never comes back`, async () => {
    const bench = new Bench();
    await bench.connect();
    bench.socket.drop(code);
    await bench.clock.advance(600_000);
    assert.equal(bench.Socket.all.length, 1);
    assert.equal(bench.client.connectionState, 'closed');
  });
}

test('the wait to come back doubles from 0.5 s to 10 s, with full jitter', async () => {
  const bench = new Bench();
  await bench.connect();
  bench.clock.randomValue = 0.999999;
  for (const ceiling of [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
    const before = bench.Socket.all.length;
    bench.socket.drop(1006);
    await bench.clock.advance(ceiling - 2);
    assert.equal(bench.Socket.all.length, before, `too early below ${ceiling}`);
    await bench.clock.advance(2);
    assert.equal(bench.Socket.all.length, before + 1, `too late at ${ceiling}`);
  }
  bench.clock.randomValue = 0;
  bench.socket.drop(1006);
  await bench.clock.advance(0);
  assert.equal(bench.Socket.all.length, 9);
});

test('a connection that was ready starts the waits anew', async () => {
  const bench = new Bench();
  await bench.connect();
  for (let i = 0; i < 4; i++) {
    bench.socket.drop(1006);
    await bench.clock.advance(10_000);
  }
  bench.socket.open();
  bench.acceptConnect();
  const before = bench.Socket.all.length;
  bench.socket.drop(1006);
  await bench.clock.advance(500);
  assert.equal(bench.Socket.all.length, before + 1);
});

test('it pings only when it was silent for an interval', async () => {
  const bench = new Bench();
  await bench.connect();
  await bench.clock.advance(10_000);
  bench.client.getHistoryCallLogs();
  await settle();
  await bench.answer('call.logs', { logs: [] });
  await bench.clock.advance(14_999);
  assert.equal(bench.socket.of('ping').length, 0);
  await bench.clock.advance(1);
  assert.equal(bench.socket.of('ping').length, 1);
});

test('after two silent intervals it gives the socket up and comes back', async () => {
  const bench = new Bench();
  await bench.connect();
  await bench.clock.advance(20_000);
  bench.socket.receive({ type: 'presence', data: {} });
  await bench.clock.advance(29_999);
  assert.equal(bench.Socket.all.length, 1);
  await bench.clock.advance(1);
  assert.equal(bench.Socket.all[0].closed, 1000);
  await bench.clock.advance(500);
  assert.equal(bench.Socket.all.length, 2);
});

test('a ping answered keeps the connection', async () => {
  const bench = new Bench();
  await bench.connect();
  for (let i = 0; i < 10; i++) {
    await bench.clock.advance(15_000);
    await bench.answer('ping', { serverTime: bench.clock.now() });
  }
  assert.equal(bench.Socket.all.length, 1);
});

test('a socket that opens and says nothing is given up', async () => {
  const bench = new Bench();
  bench.client.connect({ url: '/ws', token: 't', deviceId: 'd1' });
  await settle();
  bench.socket.open();
  await bench.clock.advance(10_500);
  assert.equal(bench.Socket.all.length, 2);
});

test('a first connection nobody answers ends with a code', async () => {
  const bench = new Bench();
  const connected = bench.client.connect({ url: '/ws', token: 't', deviceId: 'd1' });
  await bench.clock.advance(60_000);
  assert.equal((await connected).code, 80012);
  assert.equal(bench.client.connectionState, 'closed');
});

test('goaway moves it to a new connection within the time given, and calls go on', async () => {
  const bench = new Bench();
  await bench.connect();
  await bench.event('goaway', { reconnectInMs: 4_000 });
  await bench.clock.advance(1_999);
  assert.equal(bench.Socket.all.length, 1);
  await bench.clock.advance(1);
  assert.equal(bench.Socket.all.length, 2);
});

test('a refused token is asked for anew, once', async () => {
  const bench = new Bench();
  let asked = 0;
  const connected = bench.client.connect({ url: '/ws', token: 'old', deviceId: 'd1', onTokenExpired: async () => `new-${++asked}` });
  await settle();
  bench.socket.open();
  bench.socket.answer(bench.socket.lastOf('connect'), {}, 31004);
  await settle();
  assert.equal(bench.Socket.all.length, 2);
  bench.socket.open();
  assert.equal(bench.socket.lastOf('connect').data.token, 'new-1');
  bench.socket.answer(bench.socket.lastOf('connect'), {}, 31004);
  await settle();
  assert.equal((await connected).code, 31004);
  assert.equal(asked, 1);
  assert.equal(bench.Socket.all.length, 2);
});

test('close code 4401 asks for a token and comes back with it', async () => {
  const bench = new Bench();
  await bench.connect({ onTokenExpired: async () => 'new' });
  bench.socket.drop(4401);
  await settle();
  bench.socket.open();
  assert.equal(bench.socket.lastOf('connect').data.token, 'new');
});

test('close code 4401 without a token to be had is the end', async () => {
  const bench = new Bench();
  await bench.connect();
  bench.socket.drop(4401);
  await bench.clock.advance(60_000);
  assert.equal(bench.Socket.all.length, 1);
  assert.equal(bench.client.connectionState, 'closed');
});

test('an expiring token is refreshed on the live connection and used for the next', async () => {
  const bench = new Bench();
  await bench.connect({ onTokenExpired: async () => 'fresh' });
  await bench.event('token.expiring', { expiresAt: 1 });
  assert.deepEqual(bench.socket.lastOf('token.refresh').data, { token: 'fresh' });
  await bench.answer('token.refresh');
  await bench.reconnect();
  assert.equal(bench.socket.lastOf('connect').data.token, 'fresh');
});

test('each connection has a connect cmd of its own', async () => {
  const bench = new Bench();
  await bench.connect();
  const first = bench.socket.lastOf('connect').cmd;
  await bench.reconnect();
  assert.notEqual(bench.socket.lastOf('connect').cmd, first);
});

test('kicked is told, and 4409 after it is the end', async () => {
  const bench = new Bench();
  await bench.connect();
  await bench.event('kicked', { reason: 31010 });
  bench.socket.drop(4409);
  await bench.clock.advance(60_000);
  assert.deepEqual(bench.events('onKicked'), [[{ reason: 31010 }]]);
  assert.equal(bench.client.connectionState, 'closed');
  assert.equal(bench.Socket.all.length, 1);
});

test('logout says so and does not come back', async () => {
  const bench = new Bench();
  await bench.connect();
  const left = bench.client.logout();
  await settle();
  await bench.answer('logout');
  assert.equal((await left).code, 0);
  await bench.clock.advance(60_000);
  assert.equal(bench.Socket.all.length, 1);
});

test('frames that are no JSON objects disturb nothing', async () => {
  const bench = new Bench();
  await bench.connect();
  for (const text of ['', '[]', 'null', '7', '{"re":"nobody","code":0}', '{"type":"new.thing","data":{}}']) bench.socket.receive(text);
  await settle();
  assert.equal(bench.client.connectionState, 'connected');
});

test('a connection after the first asks for the records behind the last it was told of', async () => {
  const bench = new Bench();
  await bench.connect({ logsSince: 100 });
  assert.equal(bench.socket.lastOf('connect').data.logsSince, 100);
  await bench.event('call.log', { callId: 'a', syncTime: 150 });
  await bench.event('call.log', { callId: 'b', syncTime: 170 });
  await bench.event('call.log', { callId: 'c', syncTime: 0 });
  await bench.reconnect();
  assert.equal(bench.socket.lastOf('connect').data.logsSince, 170);
  assert.equal(bench.events('onServerCallLogReceived').length, 3);
});

test('who asks for no records on the first connection asks for none on the next', async () => {
  const bench = new Bench();
  await bench.connect();
  await bench.event('call.log', { callId: 'a', syncTime: 150 });
  await bench.reconnect();
  assert.equal('logsSince' in bench.socket.lastOf('connect').data, false);
});

test('a token that cannot be had just now is asked for again later', async () => {
  const bench = new Bench();
  let asked = 0;
  const onTokenExpired = async () => {
    if (++asked === 1) throw new Error('the app server is away');
    return 'late';
  };
  await bench.connect({ onTokenExpired });
  bench.socket.drop(4401);
  await bench.clock.advance(500);
  bench.socket.open();
  bench.socket.drop(4401);
  await settle();
  bench.socket.open();
  assert.equal(bench.socket.lastOf('connect').data.token, 'late');
});

test('a page that hears it is online again does not wait', async () => {
  const network = new EventTarget();
  const bench = new Bench({ network });
  await bench.connect();
  bench.clock.randomValue = 0.999;
  for (let i = 0; i < 5; i++) {
    bench.socket.drop(1006);
    if (i < 4) await bench.clock.advance(10_000);
  }
  network.dispatchEvent(new Event('online'));
  assert.equal(bench.Socket.all.length, 6);
  bench.client.disconnect();
  network.dispatchEvent(new Event('online'));
  await bench.clock.advance(20_000);
  assert.equal(bench.Socket.all.length, 6);
});

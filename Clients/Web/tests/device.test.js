import assert from 'node:assert/strict';
import test from 'node:test';
import { claimDeviceId } from '../sdk/device-identity.js';
import { Bench } from './bench.js';
import { FakeClock, FakeLocks, FakeStorage, settle } from './fakes.js';

test('the deviceId survives a reload of the page', async () => {
  const [storage, locks, clock] = [new FakeStorage(), new FakeLocks(), new FakeClock()];
  const first = await claimDeviceId({ storage, locks, clock });
  assert.match(first, /^[A-Za-z0-9_-]{1,64}$/);
  locks.release(locks.names[0]);
  assert.equal(await claimDeviceId({ storage, locks, clock }), first);
});

test('a reloaded page waits a little for the old one to let go', async () => {
  const [storage, locks, clock] = [new FakeStorage(), new FakeLocks(), new FakeClock()];
  const first = await claimDeviceId({ storage, locks, clock });
  const second = claimDeviceId({ storage, locks, clock });
  await clock.advance(300);
  locks.release(locks.names[0]);
  assert.equal(await second, first);
});

test('a duplicated tab becomes another device', async () => {
  const [storage, locks, clock] = [new FakeStorage(), new FakeLocks(), new FakeClock()];
  const first = await claimDeviceId({ storage, locks, clock });
  const copy = storage.copy();
  const duplicate = claimDeviceId({ storage: copy, locks, clock });
  await clock.advance(1_000);
  assert.notEqual(await duplicate, first);
  assert.equal(locks.names.length, 2);
});

test('without storage or locks there is an id all the same', async () => {
  const clock = new FakeClock();
  assert.ok(await claimDeviceId({ clock }));
  const forbidden = { getItem: () => { throw new Error('no'); }, setItem: () => { throw new Error('no'); } };
  assert.ok(await claimDeviceId({ storage: forbidden, clock }));
});

test('connect uses the tab\'s own device, and the same again', async () => {
  const bench = new Bench();
  bench.userId = 'ann';
  bench.client.connect({ url: '/ws', token: 't' });
  await settle();
  const { deviceId } = bench.socket;
  bench.socket.open();
  const first = bench.socket.lastOf('connect').data.deviceId;
  assert.equal(bench.storage.getItem('switchboard.deviceId'), first);
  bench.client.connect({ url: '/ws', token: 't' });
  await settle();
  bench.socket.open();
  assert.equal(bench.socket.lastOf('connect').data.deviceId, first);
  assert.equal(deviceId, undefined);
});

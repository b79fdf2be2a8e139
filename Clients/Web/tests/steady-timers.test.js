import assert from 'node:assert/strict';
import test from 'node:test';
import { SteadyTimers } from '../sdk/steady-timers.js';

/** A worker that is told what to wait for, and says so when the test wants. */
function fakeWorker() {
  const worker = { asked: [], isOver: false, postMessage: (message) => worker.asked.push(message), terminate: () => (worker.isOver = true) };
  return worker;
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 5));

test('the worker waits, and each timer fires once', () => {
  const worker = fakeWorker();
  const timers = new SteadyTimers(() => worker);
  let fired = 0;
  const id = timers.setTimeout(() => fired++, 15_000);
  assert.deepEqual(worker.asked, [{ id, wait: 15_000 }]);
  worker.onmessage({ data: id });
  worker.onmessage({ data: id });
  assert.equal(fired, 1);
});

test('a cleared timer never fires, and the worker forgets it', () => {
  const worker = fakeWorker();
  const timers = new SteadyTimers(() => worker);
  let fired = 0;
  const id = timers.setTimeout(() => fired++, 1);
  timers.clearTimeout(id);
  timers.clearTimeout(id);
  worker.onmessage({ data: id });
  assert.deepEqual(worker.asked.at(-1), { id });
  assert.equal(fired, 0);
});

test('where no worker may be had the page\'s own timers do', async () => {
  const timers = new SteadyTimers(() => {
    throw new Error('by the security policy');
  });
  await new Promise((resolve) => timers.setTimeout(resolve, 0));
  let fired = 0;
  timers.clearTimeout(timers.setTimeout(() => fired++, 0));
  await soon();
  assert.equal(fired, 0);
});

test('when the worker fails what it waited for goes on without it', async () => {
  const worker = fakeWorker();
  const timers = new SteadyTimers(() => worker);
  const fired = new Promise((resolve) => timers.setTimeout(resolve, 0));
  worker.onerror();
  assert.equal(worker.isOver, true);
  await fired;
  await new Promise((resolve) => timers.setTimeout(resolve, 0));
});

import { randomName } from './platform.js';

const STORAGE_KEY = 'switchboard.deviceId';
const LOCK_PREFIX = 'switchboard.device.';

/**
 * How long a page waits for its own lock. A reloaded page may start before the old one has let go; a duplicated tab
 * waits in vain and becomes another device.
 */
const LOCK_WAIT_MS = 700;

/**
 * This tab's deviceId: kept over reloads in sessionStorage, claimed by a Web Lock while the page lives, so that a
 * duplicated tab (which has a copy of the storage) never passes for the same device.
 * Without storage or locks the id is new, or unclaimed.
 */
export async function claimDeviceId({ storage, locks, clock }) {
  const kept = read(storage);
  if (kept && (await claim(kept, locks, clock))) return kept;
  const fresh = randomName(20);
  await claim(fresh, locks, clock);
  write(storage, fresh);
  return fresh;
}

/** True once this page holds the lock of `deviceId`; it lets go only when the page does. */
function claim(deviceId, locks, clock) {
  if (!locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const patience = new AbortController();
    const timer = clock.setTimeout(() => patience.abort(), LOCK_WAIT_MS);
    const held = locks.request(LOCK_PREFIX + deviceId, { signal: patience.signal }, () => {
      clock.clearTimeout(timer);
      resolve(true);
      return new Promise(() => {});
    });
    held.catch(() => resolve(false));
  });
}

function read(storage) {
  try {
    return storage?.getItem(STORAGE_KEY) ?? null;
  } catch {
    return null;
  }
}

/** A full or forbidden storage only costs the identity after a reload. */
function write(storage, deviceId) {
  try {
    storage?.setItem(STORAGE_KEY, deviceId);
  } catch {}
}

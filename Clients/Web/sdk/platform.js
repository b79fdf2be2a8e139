import { SteadyTimers } from './steady-timers.js';

/** What the SDK takes from its surroundings; tests hand in their own. */

const timers = new SteadyTimers();

const systemClock = {
  now: () => Date.now(),
  setTimeout: (action, milliseconds) => timers.setTimeout(action, milliseconds),
  clearTimeout: (timer) => timers.clearTimeout(timer),
  random: () => Math.random(),
};

/** The browser's own parts, each replaceable by name in `overrides`. */
export function browserPlatform(overrides = {}) {
  return {
    WebSocket: globalThis.WebSocket,
    RTCPeerConnection: globalThis.RTCPeerConnection,
    mediaDevices: globalThis.navigator?.mediaDevices,
    MediaStream: globalThis.MediaStream,
    clock: systemClock,
    storage: sessionStorageIfAllowed(),
    locks: globalThis.navigator?.locks,
    network: typeof globalThis.addEventListener === 'function' ? globalThis : undefined,
    pageAddress: globalThis.location?.href,
    ...overrides,
  };
}

/** A random lower-case UUID (version 4), also where `crypto.randomUUID` is missing, as on plain-HTTP pages. */
export function randomUUID() {
  if (globalThis.crypto.randomUUID) return globalThis.crypto.randomUUID();
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** `n` random characters, fit for a deviceId and for the first half of a `cmd`. */
export function randomName(n) {
  return randomUUID().replaceAll('-', '').slice(0, n);
}

/** Reading `sessionStorage` throws where cookies are blocked; then the page goes without. */
function sessionStorageIfAllowed() {
  try {
    return globalThis.sessionStorage;
  } catch {
    return undefined;
  }
}

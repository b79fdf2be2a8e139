import { CallMediaType } from '../sdk/switchboard.js';
import { copyOf, element, paintAvatar } from './page.js';

const POLL_EVERY_MS = 2_000;

/** Who is here: asked for every two seconds, each with a button for either kind of call. */
export class People {
  #namesById = new Map();
  #rowsById = new Map();
  #myUserId;
  #call;
  #timer = 0;
  #isFree = true;

  /** `call(userId, mediaType)` is done at a touch of a button. */
  constructor(call) {
    this.#call = call;
  }

  start(myUserId) {
    this.#myUserId = myUserId;
    this.stop();
    this.#poll();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  nameOf(userId) {
    return this.#namesById.get(userId) ?? userId;
  }

  learnName(userId, name) {
    if (userId && name) this.#namesById.set(userId, name);
  }

  /** Nobody is called while a call is on. */
  setFree(isFree) {
    this.#isFree = isFree;
    for (const row of this.#rowsById.values()) this.#enable(row);
  }

  async #poll() {
    const mine = this.#myUserId;
    try {
      const response = await fetch('/demo/online', { cache: 'no-store' });
      if (response.ok && mine === this.#myUserId) this.#show((await response.json()).users ?? []);
    } catch {}
    this.#timer = setTimeout(() => this.#poll(), POLL_EVERY_MS);
  }

  #show(users) {
    const others = users.filter((user) => user.userId !== this.#myUserId);
    for (const { userId, name } of users) this.learnName(userId, name);
    for (const [userId, row] of this.#rowsById) {
      if (others.some((user) => user.userId === userId)) continue;
      row.remove();
      this.#rowsById.delete(userId);
    }
    for (const { userId } of others) if (!this.#rowsById.has(userId)) this.#add(userId);
    element('people-count').textContent = others.length || '';
    element('people-empty').hidden = others.length > 0;
  }

  #add(userId) {
    const row = copyOf('person-row');
    const name = this.nameOf(userId);
    row.dataset.testid = `user-${userId}`;
    paintAvatar(row.querySelector('.avatar'), userId, name);
    row.querySelector('b').textContent = name;
    row.querySelector('small').textContent = 'Online';
    for (const [kind, mediaType] of [['audio', CallMediaType.AUDIO], ['video', CallMediaType.AUDIO_VIDEO]]) {
      const button = row.querySelector(`.call-${kind}`);
      button.dataset.testid = `call-${kind}-${userId}`;
      button.setAttribute('aria-label', `${kind === 'audio' ? 'Audio' : 'Video'} call to ${name}`);
      button.onclick = () => this.#call(userId, mediaType);
    }
    this.#rowsById.set(userId, row);
    this.#enable(row);
    element('people').append(row);
  }

  #enable(row) {
    for (const button of row.querySelectorAll('button')) button.disabled = !this.#isFree;
  }
}

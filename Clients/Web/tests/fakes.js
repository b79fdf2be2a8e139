/** Stand-ins for the browser: a clock that only moves when told, a scripted socket, and WebRTC without a network. */

export async function settle() {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
}

export class FakeClock {
  time = 1_700_000_000_000;
  randomValue = 0.5;
  #timers = new Map();
  #last = 0;

  now = () => this.time;
  random = () => this.randomValue;
  setTimeout = (action, wait = 0) => {
    this.#timers.set(++this.#last, { due: this.time + wait, action });
    return this.#last;
  };
  clearTimeout = (id) => this.#timers.delete(id);

  async advance(milliseconds) {
    const end = this.time + milliseconds;
    await settle();
    for (;;) {
      const next = [...this.#timers].filter(([, t]) => t.due <= end).sort(([a, x], [b, y]) => x.due - y.due || a - b)[0];
      if (!next) break;
      this.#timers.delete(next[0]);
      this.time = Math.max(this.time, next[1].due);
      next[1].action();
      await settle();
    }
    this.time = end;
    await settle();
  }
}

export function fakeSockets() {
  return class FakeSocket {
    static all = [];
    static get last() {
      return this.all.at(-1);
    }
    sent = [];
    closed = null;

    constructor(url, protocols) {
      Object.assign(this, { url, protocols });
      this.constructor.all.push(this);
    }
    send(text) {
      this.sent.push(JSON.parse(text));
    }
    close(code) {
      this.closed = code;
    }

    // What the server does.
    open() {
      this.onopen?.();
    }
    receive(frame) {
      this.onmessage?.({ data: typeof frame === 'string' ? frame : JSON.stringify(frame) });
    }
    answer(request, data = {}, code = 0) {
      this.receive({ re: request.id, code, data });
    }
    drop(code = 1006) {
      this.onclose?.({ code, reason: '' });
    }

    // What was asked of it.
    of(type) {
      return this.sent.filter((frame) => frame.type === type);
    }
    lastOf(type) {
      return this.of(type).at(-1);
    }
  };
}


export class FakeTrack {
  enabled = true;
  readyState = 'live';
  constructor(kind) {
    this.kind = kind;
  }
  stop() {
    this.readyState = 'ended';
  }
}

export class FakeStream {
  #tracks;
  constructor(tracks = []) {
    this.#tracks = [...tracks];
  }
  getTracks() {
    return [...this.#tracks];
  }
  addTrack(track) {
    this.#tracks.push(track);
  }
  removeTrack(track) {
    this.#tracks = this.#tracks.filter((other) => other !== track);
  }
}

export class FakeDevices {
  asked = [];
  missing = new Set();
  async getUserMedia(constraints) {
    this.asked.push(constraints);
    const kinds = ['audio', 'video'].filter((kind) => constraints[kind]);
    if (kinds.some((kind) => this.missing.has(kind))) throw new Error('NotFoundError');
    return new FakeStream(kinds.map((kind) => new FakeTrack(kind)));
  }
}

export function fakePeers() {
  return class FakePeer {
    static all = [];
    static get last() {
      return this.all.at(-1);
    }
    signalingState = 'stable';
    iceConnectionState = 'new';
    localDescription = null;
    remoteDescription = null;
    offers = [];
    candidates = [];
    calls = [];
    transceivers = [];
    isClosed = false;

    constructor(configuration) {
      this.configuration = configuration;
      this.constructor.all.push(this);
    }
    getConfiguration() {
      return this.configuration;
    }
    setConfiguration(configuration) {
      this.configuration = configuration;
    }
    addTransceiver(trackOrKind, { direction, streams }) {
      const kind = typeof trackOrKind === 'string' ? trackOrKind : trackOrKind.kind;
      this.#add(kind, direction, typeof trackOrKind === 'string' ? null : trackOrKind).streams = streams;
    }
    getTransceivers() {
      return this.transceivers;
    }
    async createOffer(options) {
      this.offers.push(options ?? {});
      const kinds = this.transceivers.map(({ receiver }) => receiver.track.kind);
      return { type: 'offer', sdp: `offer ${this.offers.length} ${kinds.join(',')}` };
    }
    async createAnswer() {
      return { type: 'answer', sdp: `answer to ${this.remoteDescription.sdp}` };
    }
    async setLocalDescription(description) {
      this.calls.push(`local ${description.type}`);
      if (description.type === 'rollback') return void (this.signalingState = 'stable');
      this.localDescription = description;
      this.signalingState = description.type === 'offer' ? 'have-local-offer' : 'stable';
    }
    async setRemoteDescription(description) {
      this.calls.push(`remote ${description.type}`);
      this.remoteDescription = description;
      this.signalingState = description.type === 'offer' ? 'have-remote-offer' : 'stable';
      if (description.type !== 'offer' || this.transceivers.length > 0) return;
      for (const kind of description.sdp.split(' ').at(-1).split(',')) this.#add(kind, 'recvonly', null);
    }
    async addIceCandidate(candidate) {
      this.candidates.push(candidate);
    }
    close() {
      this.isClosed = true;
    }

    ice(state) {
      this.iceConnectionState = state;
      this.oniceconnectionstatechange?.();
    }
    #add(kind, direction, track) {
      const sender = {
        track,
        async replaceTrack(next) {
          this.track = next;
        },
        setStreams() {},
      };
      const transceiver = { direction, sender, receiver: { track: new FakeTrack(kind) } };
      this.transceivers.push(transceiver);
      return transceiver;
    }
  };
}

export class FakeStorage {
  #values = new Map();
  getItem(key) {
    return this.#values.get(key) ?? null;
  }
  setItem(key, value) {
    this.#values.set(key, value);
  }
  copy() {
    const copy = new FakeStorage();
    for (const [key, value] of this.#values) copy.setItem(key, value);
    return copy;
  }
}

/** Locks over all pages that share the object; `release(name)` is what the end of a page does. */
export class FakeLocks {
  #heldNames = new Set();
  #waiting = [];
  request(name, { signal }, action) {
    return new Promise((resolve, reject) => {
      const take = () => {
        this.#heldNames.add(name);
        resolve(action());
      };
      if (!this.#heldNames.has(name)) return take();
      this.#waiting.push({ name, take });
      signal.addEventListener('abort', () => reject(new Error('AbortError')));
    });
  }
  release(name) {
    this.#heldNames.delete(name);
    this.#waiting.find((wait) => wait.name === name)?.take();
  }
  get names() {
    return [...this.#heldNames];
  }
}

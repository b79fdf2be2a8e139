/** Rings and tones, made on the spot. Browsers allow sound only after a touch of the page: `wake` on one. */

const RING = { everyMs: 2_600, notes: [[0, 659], [0.16, 784], [0.32, 988], [0.64, 784], [0.8, 988]], level: 0.16, lastsSeconds: 0.34 };
const RINGBACK = { everyMs: 4_000, notes: [[0, 425]], level: 0.07, lastsSeconds: 1.1 };
const WAITING = { everyMs: 4_000, notes: [[0, 440], [0.3, 440]], level: 0.05, lastsSeconds: 0.18 };
const GOODBYE = { notes: [[0, 523], [0.14, 392]], level: 0.09, lastsSeconds: 0.2 };

let context = null;
let playing = null;
let timer = 0;

export function wake() {
  context ??= new AudioContext();
  if (context.state === 'suspended') context.resume().catch(() => {});
}

/** `incoming`, `waiting` (a second call), `outgoing` or null: what rings from now on. */
export function ring(kind) {
  if (kind === playing) return;
  playing = kind;
  clearInterval(timer);
  navigator.vibrate?.(0);
  if (!kind) return;
  const tune = { incoming: RING, waiting: WAITING, outgoing: RINGBACK }[kind];
  const once = () => {
    play(tune);
    if (kind === 'incoming') navigator.vibrate?.([300, 150, 300]);
  };
  once();
  timer = setInterval(once, tune.everyMs);
}

export function goodbye() {
  play(GOODBYE);
}

function play({ notes, level, lastsSeconds }) {
  if (context?.state !== 'running') return;
  for (const [after, frequency] of notes) {
    const start = context.currentTime + after;
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0, start);
    volume.gain.linearRampToValueAtTime(level, start + 0.02);
    volume.gain.setValueAtTime(level, start + lastsSeconds * 0.5);
    volume.gain.exponentialRampToValueAtTime(0.0005, start + lastsSeconds);
    tone.connect(volume).connect(context.destination);
    tone.start(start);
    tone.stop(start + lastsSeconds);
  }
}

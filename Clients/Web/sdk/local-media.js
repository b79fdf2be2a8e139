const VIDEO_WISH = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 }, facingMode: 'user' };
const AUDIO_WISH = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/**
 * This device's microphone and camera, shared by the calls of a page.
 * A switched-off microphone keeps its track, silent; a switched-off camera is let go, so that its light goes out.
 */
export class LocalMedia {
  camera = false;
  microphone = false;
  /** One stream object for the life of the page, so that a view and a peer connection may hold on to it. */
  stream;
  /** Resolves when the last `open` has its tracks, or knows that it gets none. */
  settled = Promise.resolve();
  #devices;
  #hooks;
  #isOpen = false;
  #generation = 0;

  /** `hooks`: `onTrack(kind, trackOrNull)`, `onFailed(kind, error)`. */
  constructor(platform, hooks) {
    this.#devices = platform.mediaDevices;
    this.#hooks = hooks;
    this.stream = new platform.MediaStream();
  }

  track(kind) {
    return this.stream.getTracks().find((track) => track.kind === kind) ?? null;
  }

  /** Takes what is wished and not yet there. What cannot be had is told by `onFailed` and counts as off. */
  open({ camera, microphone = true }) {
    this.#isOpen = true;
    this.camera = camera;
    this.microphone = microphone;
    if (!camera) this.#letGo('video');
    const audio = this.track('audio');
    if (audio) audio.enabled = microphone;
    this.settled = this.#acquireBoth(this.#generation);
    return this.settled;
  }

  /** False when there is no microphone to be had. */
  async setMicrophone(on) {
    this.microphone = on;
    const track = this.track('audio');
    if (track) track.enabled = on;
    else if (on) await this.#acquire('audio');
    return this.microphone === on;
  }

  /** False when there is no camera to be had. */
  async setCamera(on) {
    this.camera = on;
    if (!on) this.#letGo('video');
    else if (!this.track('video')) await this.#acquire('video');
    return this.camera === on;
  }

  /** Lets both devices go. */
  close() {
    this.#isOpen = false;
    this.#generation++;
    this.camera = this.microphone = false;
    this.#letGo('audio');
    this.#letGo('video');
  }

  /** Both in one question to the user; if that fails, each alone, since a missing camera must not cost the voice. */
  async #acquireBoth(generation) {
    const needsAudio = !this.track('audio');
    const needsVideo = this.camera && !this.track('video');
    if (needsAudio && needsVideo) {
      try {
        return this.#keep(await this.#ask({ audio: AUDIO_WISH, video: VIDEO_WISH }), generation);
      } catch {
        if (generation !== this.#generation) return;
      }
    }
    if (needsAudio) await this.#acquire('audio');
    if (needsVideo && this.camera) await this.#acquire('video');
  }

  async #acquire(kind) {
    const generation = this.#generation;
    try {
      this.#keep(await this.#ask(kind === 'audio' ? { audio: AUDIO_WISH } : { video: VIDEO_WISH }), generation);
    } catch (error) {
      if (generation !== this.#generation) return;
      if (kind === 'audio') this.microphone = false;
      else this.camera = false;
      this.#hooks.onFailed(kind, error);
    }
  }

  /** Tracks that come after the call is over, or after the camera was switched off again, are let go at once. */
  #keep(stream, generation) {
    for (const track of stream.getTracks()) {
      const isWanted = this.#isOpen && generation === this.#generation && !this.track(track.kind);
      if (!isWanted || (track.kind === 'video' && !this.camera)) {
        track.stop();
        continue;
      }
      if (track.kind === 'audio') track.enabled = this.microphone;
      track.onended = () => this.#lostTrack(track);
      this.stream.addTrack(track);
      this.#hooks.onTrack(track.kind, track);
    }
  }

  #letGo(kind) {
    const track = this.track(kind);
    if (!track) return;
    track.onended = null;
    track.stop();
    this.stream.removeTrack(track);
    this.#hooks.onTrack(kind, null);
  }

  /** The device was unplugged or taken away by the user. */
  #lostTrack(track) {
    this.#letGo(track.kind);
    if (track.kind === 'audio') this.microphone = false;
    else this.camera = false;
    this.#hooks.onFailed(track.kind, new Error('the device is gone'));
  }

  #ask(constraints) {
    if (!this.#devices?.getUserMedia) return Promise.reject(new Error('no media devices on this page'));
    return this.#devices.getUserMedia(constraints);
  }
}

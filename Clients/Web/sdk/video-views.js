/** Which `<video>` element shows whom; a stream that comes later finds its element. */
export class VideoViews {
  #localStream;
  #local = null;
  #elementsByUser = new Map();

  constructor(localStream) {
    this.#localStream = localStream;
  }

  /** One's own picture is silent, or the room would howl. */
  setLocal(element) {
    if (this.#local && this.#local !== element) this.#local.srcObject = null;
    this.#local = element;
    if (!element) return;
    element.muted = true;
    this.localChanged();
  }

  /** A view of a stream without tracks would hold up the page's `load` event: it is filled with the first track. */
  localChanged() {
    if (!this.#local) return;
    const isEmpty = this.#localStream.getTracks().length === 0;
    if (isEmpty) this.#local.srcObject = null;
    else if (this.#local.srcObject !== this.#localStream) show(this.#local, this.#localStream);
  }

  setRemote(userId, element, stream) {
    this.remove(userId);
    this.#elementsByUser.set(userId, element);
    if (stream) show(element, stream);
  }

  remove(userId) {
    const element = this.#elementsByUser.get(userId);
    if (element) element.srcObject = null;
    this.#elementsByUser.delete(userId);
  }

  streamChanged(userId, stream) {
    const element = this.#elementsByUser.get(userId);
    if (element && element.srcObject !== stream) show(element, stream);
  }
}

/** A page that was not touched yet may be forbidden to play sound; the element then tells by its `paused`. */
function show(element, stream) {
  element.srcObject = stream;
  element.playsInline = true;
  element.play?.()?.catch(() => {});
}

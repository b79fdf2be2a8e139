/**
 * Who wants to hear of what: any number of functions per event name, and one handler object with a method per name.
 * A listener that throws is reported and never disturbs the others or the SDK.
 */
export class Listeners {
  #functionsByName = new Map();
  #handler = null;

  /** Calls `listener` with the event's arguments from now on; the result takes it off again. */
  on(name, listener) {
    const functions = this.#functionsByName.get(name) ?? new Set();
    functions.add(listener);
    this.#functionsByName.set(name, functions);
    return () => functions.delete(listener);
  }

  off(name, listener) {
    this.#functionsByName.get(name)?.delete(listener);
  }

  /** One object with methods named like the events; a second one replaces the first, null takes it off. */
  setHandler(handler) {
    this.#handler = handler;
  }

  emit(name, ...values) {
    for (const listener of [...(this.#functionsByName.get(name) ?? [])]) call(() => listener(...values));
    if (typeof this.#handler?.[name] === 'function') call(() => this.#handler[name](...values));
  }
}

function call(listener) {
  try {
    listener();
  } catch (error) {
    console.error('switchboard: a listener threw', error);
  }
}

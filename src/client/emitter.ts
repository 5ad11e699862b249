// Events with types, whose `on` gives back its own undo. A listener that throws disturbs neither us nor the others.

type Listeners<Events> = { [E in keyof Events]?: Set<Events[E]> };

export class Emitter<Events extends { [E in keyof Events]: (...args: never[]) => void }> {
  readonly #listeners: Listeners<Events> = {};

  on<E extends keyof Events>(event: E, listener: Events[E]): () => void {
    const listeners = (this.#listeners[event] ??= new Set());
    // A listener of its own each time, so that who adds the same one twice can take it away twice.
    const own = ((...args: Parameters<Events[E]>) => listener(...args)) as Events[E];
    listeners.add(own);
    return () => void listeners.delete(own);
  }

  emit<E extends keyof Events>(event: E, ...args: Parameters<Events[E]>): void {
    for (const listener of [...(this.#listeners[event] ?? [])]) {
      try {
        listener(...args);
      } catch (thrown) {
        reportError(thrown);
      }
    }
  }
}

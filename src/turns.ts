// Turns: what is asked under one key is done one at a time, in the order it was asked.

/** A queue per key. Keys take no room while nobody waits under them. */
export class Turns {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs `task` after everything taken under `key` before it, whether that went well or not. */
  take<T>(key: string, task: () => Promise<T>): Promise<T> {
    const result = (this.#tails.get(key) ?? Promise.resolve()).then(task);
    const forget = () => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    };
    const tail: Promise<void> = result.then(forget, forget);
    this.#tails.set(key, tail);
    return result;
  }

  /** Settles once nothing is under way, also nothing that was asked while waiting. */
  async idle(): Promise<void> {
    while (this.#tails.size > 0) await Promise.all(this.#tails.values());
  }
}

// Counts per key in windows of time, with bounded memory.

import { createHmac, randomBytes } from 'node:crypto';
import { monotonicNow } from '../clock';

/** How many keys are counted exactly. */
const MAX_KEYS = 10_000;
/** The count-min sketch for the keys beyond them: 64 KiB. */
const ROWS = 4;
const COLUMNS = 4096;

interface Entry {
  count: number;
  /** When the window of this key ends, in milliseconds of the clock. */
  until: number;
}

/**
 * Allows each key `points` requests per window, which begins with its first request.
 *
 * Up to 10,000 keys are counted exactly until their windows end. No key is evicted before, so that an attacker who uses many
 * addresses resets no count. Keys beyond them are counted in a count-min sketch (Cormode and Muthukrishnan, 2005), which never
 * counts too few. It counts too many for a key only if all four cells of that key are also cells of other busy keys. The
 * positions of cells are secret, so an attacker cannot choose them.
 */
export class WindowLimiter {
  readonly #points: number;
  readonly #windowMs: number;
  readonly #clock: () => number;
  /** In the order in which the windows end, because all windows are equally long. */
  readonly #entries = new Map<string, Entry>();
  readonly #secret = randomBytes(16);
  #sketch: Uint32Array | undefined;
  #sketchUntil = 0;

  constructor(points: number, windowMs: number, clock: () => number = monotonicNow) {
    this.#points = points;
    this.#windowMs = windowMs;
    this.#clock = clock;
  }

  /** How many keys are counted exactly at the moment. */
  get size(): number {
    return this.#entries.size;
  }

  /** Counts one request of a key. Returns 0 if it is allowed, otherwise the milliseconds until the window of the key ends. */
  take(key: string): number {
    const now = this.#clock();
    this.#forgetEnded(now);
    const entry = this.#entries.get(key);
    if (entry) {
      if (entry.count >= this.#points) return entry.until - now;
      entry.count += 1;
      return 0;
    }
    const cells = this.#sketch ? this.#cellsOf(key) : [];
    const count = this.#countIn(cells);
    if (count >= this.#points) return this.#sketchUntil - now;
    // What the sketch counted of this key, counts on.
    if (this.#entries.size < MAX_KEYS) this.#entries.set(key, { count: count + 1, until: now + this.#windowMs });
    else this.#sketchOne(key, now);
    return 0;
  }

  #forgetEnded(now: number): void {
    for (const [key, { until }] of this.#entries) {
      if (until > now) break;
      this.#entries.delete(key);
    }
    if (this.#sketchUntil <= now) this.#sketch = undefined;
  }

  #sketchOne(key: string, now: number): void {
    if (!this.#sketch) {
      this.#sketch = new Uint32Array(ROWS * COLUMNS);
      this.#sketchUntil = now + this.#windowMs;
    }
    const cells = this.#cellsOf(key);
    const count = this.#countIn(cells);
    // Only the smallest cells ("conservative update"): the others count other keys already.
    for (const cell of cells) if (this.#sketch[cell] === count) this.#sketch[cell] = count + 1;
  }

  #countIn(cells: number[]): number {
    return cells.length === 0 ? 0 : Math.min(...cells.map((cell) => this.#sketch?.[cell] ?? 0));
  }

  /** Returns the cell of a key in each row. */
  #cellsOf(key: string): number[] {
    const digest = createHmac('sha256', this.#secret).update(key).digest();
    return Array.from({ length: ROWS }, (_, row) => row * COLUMNS + (digest.readUInt32LE(row * 4) % COLUMNS));
  }
}

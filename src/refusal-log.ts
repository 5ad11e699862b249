// Log lines that clients can cause at will: the first one at once, and its repeats as one count per minute.

import type { Logger } from './logger';
import { networkOf } from './transport/limits';

const WINDOW_MS = 60_000;
/** How many pairs of network and kind are counted exactly. Further networks share one entry per kind. */
const MAX_ENTRIES = 1000;

export interface RefusalSource {
  /** The IP address of the client; undefined if the refusal has no single client. */
  address: string | undefined;
  /** One of a fixed set of texts. A client must not be able to choose it, because each kind has an entry of its own. */
  kind: string;
}

type Level = 'warn' | 'error';

interface Entry extends RefusalSource {
  level: Level;
  message: string;
  repeats: number;
  /** When the window ends, on the clock of the log. */
  endsAt: number;
}

/** Logs refusals in bounded memory, and a bounded number of lines per minute, whatever the number of clients. */
export class RefusalLog {
  readonly #log: Pick<Logger, Level>;
  readonly #clock: () => number;
  /** In the order in which the windows end. */
  readonly #entries = new Map<string, Entry>();
  #timer: NodeJS.Timeout | undefined;

  /** @param clock - returns milliseconds, and never jumps. */
  constructor(log: Pick<Logger, Level>, clock: () => number) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Logs the first refusal of a network and a kind, and counts repeats for a minute. An IPv6 network is a /64. */
  warn(source: RefusalSource, fields: object, message: string): void {
    this.#add('warn', source, fields, message);
  }

  /** As `warn`, for errors of the server that a client may be able to repeat. */
  error(source: RefusalSource, fields: object, message: string): void {
    this.#add('error', source, fields, message);
  }

  /** Logs the repeats that were counted until now. */
  close(): void {
    this.#endWindows(Infinity);
  }

  #add(level: Level, { address, kind }: RefusalSource, fields: object, message: string): void {
    const now = this.#clock();
    this.#endWindows(now);
    const exact = JSON.stringify([kind, address === undefined ? null : networkOf(address)]);
    const isExact = this.#entries.has(exact) || this.#entries.size < MAX_ENTRIES;
    const key = isExact ? exact : kind;
    const entry = this.#entries.get(key);
    if (entry) {
      entry.repeats += 1;
      return;
    }
    const shown = isExact ? address : undefined;
    this.#entries.set(key, { address: shown, kind, level, message, repeats: 0, endsAt: now + WINDOW_MS });
    this.#log[level]({ ...addressField(address), ...fields }, message);
    this.#schedule(now);
  }

  #endWindows(now: number): void {
    for (const [key, { address, kind, level, message, repeats, endsAt }] of this.#entries) {
      if (endsAt > now) break;
      this.#entries.delete(key);
      if (repeats > 0) this.#log[level]({ ...addressField(address), kind, repeats }, message);
    }
    if (this.#entries.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(now: number): void {
    const [first] = this.#entries.values();
    if (this.#timer || !first) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const later = this.#clock();
      this.#endWindows(later);
      this.#schedule(later);
    }, first.endsAt - now).unref();
  }
}

const addressField = (address: string | undefined) => (address === undefined ? {} : { address });

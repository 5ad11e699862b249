// Limits in bytes for what clients send to one another: signals and PeerJS frames.

/** The burst in bytes, and how many bytes a second are allowed after it. */
interface Rate {
  burst: number;
  perSecond: number;
}

/** All that one client may send, for example offers of 60 kB to 30 participants. */
const PER_SENDER: Rate = { burst: 4 * 1024 * 1024, perSecond: 128 * 1024 };
/** What one client may send to another. */
const PER_PAIR: Rate = { burst: 256 * 1024, perSecond: 16 * 1024 };
/** All that one client may be sent. Above half of the burst, each sender may only have sent `RESERVED_BYTES` of it. */
const PER_RECIPIENT: Rate = { burst: 3 * 1024 * 1024, perSecond: 64 * 1024 };
/** One offer of 64 KiB and candidates, which other senders cannot take away. */
const RESERVED_BYTES = 96 * 1024;
/** How many entries are added before those without use are removed. */
const SWEEP_EVERY = 1000;

/** What was used of a rate and has not been regained, at a monotonic time in milliseconds. */
interface Usage {
  bytes: number;
  at: number;
}

export class ByteAllowance {
  readonly #usages = new Map<string, Usage & { rate: Rate }>();
  readonly #clock: () => number;
  #added = 0;

  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /**
   * Takes `bytes` from what `from` may send to `to`. Returns 0, or the milliseconds after which to try again; then it takes
   * nothing. `limit` lowers what may be outstanding between the two, in bytes.
   */
  take(from: string, to: string, bytes: number, limit = PER_PAIR.burst): number {
    const pair = this.#usageOf(`pair ${JSON.stringify([from, to])}`, PER_PAIR);
    const sender = this.#usageOf(`from ${from}`, PER_SENDER);
    const recipient = this.#usageOf(`to ${to}`, PER_RECIPIENT);
    const isReserved = pair.bytes + bytes <= RESERVED_BYTES;
    const waits = [
      waitOf(pair, PER_PAIR, bytes, limit),
      waitOf(sender, PER_SENDER, bytes),
      waitOf(recipient, PER_RECIPIENT, bytes, isReserved ? PER_RECIPIENT.burst : PER_RECIPIENT.burst / 2),
    ];
    const waitMs = Math.max(...waits);
    if (waitMs > 0) return waitMs;
    for (const usage of [pair, sender, recipient]) usage.bytes += bytes;
    return 0;
  }

  #usageOf(key: string, rate: Rate): Usage {
    const now = this.#clock();
    const known = this.#usages.get(key);
    if (known) {
      known.bytes = usedAt(known, now);
      known.at = now;
      return known;
    }
    this.#added += 1;
    if (this.#added % SWEEP_EVERY === 0)
      for (const [other, usage] of this.#usages) if (usedAt(usage, now) === 0) this.#usages.delete(other);
    const usage = { bytes: 0, at: now, rate };
    this.#usages.set(key, usage);
    return usage;
  }
}

const usedAt = ({ bytes, at, rate }: Usage & { rate: Rate }, now: number): number =>
  Math.max(0, bytes - ((now - at) / 1000) * rate.perSecond);

const waitOf = ({ bytes: used }: Usage, { burst, perSecond }: Rate, bytes: number, limit = burst): number =>
  Math.max(0, Math.ceil(((used + bytes - limit) / perSecond) * 1000));

// Decides which undelivered PeerJS frames are answered with `EXPIRE`.

/**
 * For how many calls at once, and for how many milliseconds, a connection gets only one `EXPIRE` for each. Frames without a
 * `connectionId` count as one call for less time than a frame waits for an absent peer.
 */
const REPORTED = { count: 100, ms: 15_000, anonymousMs: 3000 };
/** Peer IDs have at most 128 characters. Longer texts are echoed only in part. */
const MAX_ECHO_LENGTH = 256;

/**
 * The calls of one connection whose failure was reported. PeerJS emits an error for each `EXPIRE`, and sends an OFFER and
 * many CANDIDATE frames with one `connectionId` for each call.
 */
export class ExpireFilter {
  /** When each call was reported, in monotonic milliseconds. */
  readonly #reported = new Map<string, number>();

  /** Whether this frame is the first undelivered one of its call. `isOffer`: without a `connectionId`, it is a new call. */
  isFirst(dst: string, payload: unknown, isOffer: boolean): boolean {
    const connectionId = connectionIdOf(payload);
    const call = `${echoOf(dst)}\0${connectionId}`;
    const now = performance.now();
    const reportedAt = this.#reported.get(call) ?? -Infinity;
    const isNewCall = isOffer && connectionId === '';
    const forMs = connectionId === '' ? REPORTED.anonymousMs : REPORTED.ms;
    if (!isNewCall && now - reportedAt < forMs) return false;
    this.#reported.delete(call);
    this.#reported.set(call, now);
    const [oldest] = this.#reported.keys();
    if (this.#reported.size > REPORTED.count && oldest !== undefined) this.#reported.delete(oldest);
    return true;
  }
}

/** Returns the part of a peer ID that `EXPIRE` contains. */
export const echoOf = (dst: string): string => dst.slice(0, MAX_ECHO_LENGTH);

function connectionIdOf(payload: unknown): string {
  const { connectionId } = (payload ?? {}) as { connectionId?: unknown };
  return typeof connectionId === 'string' ? connectionId.slice(0, MAX_ECHO_LENGTH) : '';
}

// PeerJS frames: which are well formed, and how many may wait for peers that are not there.

import { isShallow } from '../json';
import { isPeerId, MAX_JSON_DEPTH } from '../protocol';

const RELAYED = new Set(['OFFER', 'ANSWER', 'CANDIDATE', 'LEAVE']);

export interface AddressedFrame {
  type: string;
  dst: string;
  payload?: unknown;
}

/** A frame that keeps the rules; `null` if it breaks one, undefined if it is not even JSON. */
export function parseFrame(text: string): AddressedFrame | { type: 'HEARTBEAT' } | null | undefined {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof frame !== 'object' || frame === null || Array.isArray(frame)) return null;
  const { type, dst } = frame as { type?: unknown; dst?: unknown };
  if (type === 'HEARTBEAT') return { type };
  if (typeof type !== 'string' || !RELAYED.has(type)) return null;
  if (!isPeerId(dst) || !isShallow(frame, MAX_JSON_DEPTH)) return null;
  return frame as AddressedFrame;
}

/** What may wait for peers that are not there: from one socket, and from all. */
const MAX_WAITING_PER_SOCKET = { frames: 500, bytes: 512 * 1024 };
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/** `peer` keeps frames for an absent peer 5 to 6 s, then tells their sender `EXPIRE`. */
const WAITING_MS = 7000;

/** Counts the frames that wait inside `peer` for peers that are not there, by who sent them: never fewer than really do. */
export class WaitingRoom {
  readonly #clock: () => number;
  readonly #entries: { from: object; bytes: number; until: number }[] = [];
  readonly #shares = new Map<object, { frames: number; bytes: number }>();
  #bytes = 0;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Whether there is room for one more frame; if so, it is counted for as long as it may wait. */
  admit(from: object, bytes: number): boolean {
    this.#dismiss(this.#clock());
    const share = this.#shares.get(from) ?? { frames: 0, bytes: 0 };
    if (share.frames >= MAX_WAITING_PER_SOCKET.frames) return false;
    if (share.bytes + bytes > MAX_WAITING_PER_SOCKET.bytes || this.#bytes + bytes > MAX_WAITING_BYTES) return false;
    this.#entries.push({ from, bytes, until: this.#clock() + WAITING_MS });
    this.#shares.set(from, { frames: share.frames + 1, bytes: share.bytes + bytes });
    this.#bytes += bytes;
    return true;
  }

  #dismiss(now: number): void {
    const firstToStay = this.#entries.findIndex(({ until }) => until > now);
    for (const { from, bytes } of this.#entries.splice(0, firstToStay < 0 ? Infinity : firstToStay)) {
      const share = this.#shares.get(from) ?? { frames: 1, bytes };
      if (share.frames === 1) this.#shares.delete(from);
      else this.#shares.set(from, { frames: share.frames - 1, bytes: share.bytes - bytes });
      this.#bytes -= bytes;
    }
  }
}

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
/** Counts the frames that wait for peers that are not there, by who sent them. */
export class WaitingRoom {
  readonly #shares = new Map<object, { frames: number; bytes: number }>();
  #bytes = 0;

  /** Gives how to leave again, if there is room for one more frame. */
  admit(from: object, bytes: number): (() => void) | undefined {
    const share = this.#shares.get(from) ?? { frames: 0, bytes: 0 };
    if (share.frames >= MAX_WAITING_PER_SOCKET.frames) return undefined;
    if (share.bytes + bytes > MAX_WAITING_PER_SOCKET.bytes || this.#bytes + bytes > MAX_WAITING_BYTES) return undefined;
    this.#shares.set(from, share);
    share.frames += 1;
    share.bytes += bytes;
    this.#bytes += bytes;
    return () => {
      share.frames -= 1;
      share.bytes -= bytes;
      this.#bytes -= bytes;
      if (share.frames === 0) this.#shares.delete(from);
    };
  }
}

// PeerJS frames: which are well formed, and how many may wait for peers that are not there.

import { isShallow } from '../json';
import { isPeerId, MAX_JSON_DEPTH, MAX_SIGNAL_BYTES } from '../protocol';

const RELAYED = new Set(['OFFER', 'ANSWER', 'CANDIDATE', 'LEAVE']);

export interface AddressedFrame {
  type: string;
  dst: string;
  payload?: unknown;
}

/** What to do with one text message of a PeerJS client. */
export type ReceivedFrame =
  | { kind: 'heartbeat' }
  | { kind: 'addressed'; frame: AddressedFrame }
  /** The sender must get `EXPIRE` for `dst`: the frame is too large or too deep, or `dst` is not a peer id. */
  | { kind: 'undeliverable'; type: string; dst: string; payload?: unknown; isExcessive: boolean }
  /** The package `peer` ignores it as well: an unknown type, no addressee, or `LEAVE` for an impossible peer id. */
  | { kind: 'ignored'; isExcessive: boolean };

/** Reads one message. Returns `undefined` if the text is not JSON, and `null` if it is not a JSON object. */
export function parseFrame(text: string): ReceivedFrame | null | undefined {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof frame !== 'object' || frame === null || Array.isArray(frame)) return null;
  const { type, dst } = frame as { type?: unknown; dst?: unknown };
  if (type === 'HEARTBEAT') return { kind: 'heartbeat' };
  const isExcessive = Buffer.byteLength(text) > MAX_SIGNAL_BYTES || !isShallow(frame, MAX_JSON_DEPTH);
  if (typeof type !== 'string' || !RELAYED.has(type) || typeof dst !== 'string')
    return { kind: 'ignored', isExcessive };
  if (isPeerId(dst) && !isExcessive) return { kind: 'addressed', frame: frame as AddressedFrame };
  if (type === 'LEAVE') return { kind: 'ignored', isExcessive };
  return { kind: 'undeliverable', type, dst, payload: (frame as AddressedFrame).payload, isExcessive };
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

// PeerJS frames: which are well formed.

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
  /**
   * The sender must get `EXPIRE` for `dst`: the frame is too large or too deep, or `dst` is not a peer id. If the frame has an
   * addressee that is not a string, `dst` is a short text for it.
   */
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
  if (typeof type !== 'string' || !RELAYED.has(type) || dst === undefined || dst === null)
    return { kind: 'ignored', isExcessive };
  if (typeof dst === 'string' && isPeerId(dst) && !isExcessive)
    return { kind: 'addressed', frame: frame as AddressedFrame };
  if (type === 'LEAVE') return { kind: 'ignored', isExcessive };
  return { kind: 'undeliverable', type, dst: textOf(dst), payload: (frame as AddressedFrame).payload, isExcessive };
}

/** Returns a text for an addressee, which PeerJS shows in its error: the value itself, or `[object Object]`. */
function textOf(dst: unknown): string {
  if (typeof dst === 'string') return dst;
  return typeof dst === 'number' || typeof dst === 'boolean' ? String(dst) : Object.prototype.toString.call(dst);
}

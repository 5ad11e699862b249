// PeerJS frames, the server connection that carries them, and the peers that need them relayed by signaling.

import type PeerJS from 'peerjs';

/** How many received frames are remembered: a frame that arrives by both ways is handled once. */
const MAX_REMEMBERED = 1000;

const SIGNAL_TYPES = { OFFER: 'offer', ANSWER: 'answer', CANDIDATE: 'ice-candidate' } as const;

export type SignalType = (typeof SIGNAL_TYPES)[keyof typeof SIGNAL_TYPES];

export interface OutgoingFrame {
  type: string;
  dst?: string;
  payload?: unknown;
}

export interface IncomingFrame {
  type: string;
  src: string;
  payload?: unknown;
}

/** What PeerJS 1.5 keeps out of its types. */
interface ServerConnection {
  start(id: string, token: string): void;
  send(frame: OutgoingFrame): void;
  close(): void;
  on(event: 'disconnected', listener: () => void): void;
  on(event: 'message', listener: (frame: IncomingFrame) => void): void;
  removeAllListeners(event: string): void;
}

export interface PeerInternals {
  readonly socket: ServerConnection;
  _handleMessage(frame: IncomingFrame): void;
}

export const serverConnection = (peer: PeerJS) => (peer as unknown as PeerInternals).socket;

/** The `signalType` of a frame; undefined for frames that are not relayed. */
export const signalTypeOf = ({ type }: { type: string }): SignalType | undefined =>
  Object.hasOwn(SIGNAL_TYPES, type) ? SIGNAL_TYPES[type as keyof typeof SIGNAL_TYPES] : undefined;

/** The frame in the `signal` of a `call:signal`; undefined for signals of another kind. */
export function relayedFrame(signal: unknown, src: string): IncomingFrame | undefined {
  const frame = (signal as { peerjs?: OutgoingFrame | null }).peerjs;
  if (typeof frame !== 'object' || frame === null || typeof frame.payload !== 'object' || frame.payload === null)
    return;
  return signalTypeOf(frame) && { type: frame.type, src, payload: frame.payload };
}

export class RelayedPeers {
  readonly #peerIds = new Set<string>();
  readonly #received = new Set<string>();

  has(peerId: string): boolean {
    return this.#peerIds.has(peerId);
  }

  set(peerId: string, isRelayed: boolean): void {
    if (isRelayed) this.#peerIds.add(peerId);
    else this.#peerIds.delete(peerId);
  }

  /** Whether the frame was not received before. */
  isNew(frame: IncomingFrame): boolean {
    if (!signalTypeOf(frame)) return true;
    const key = JSON.stringify([frame.src, frame.type, frame.payload]);
    if (this.#received.has(key)) return false;
    this.#received.add(key);
    const [oldest] = this.#received;
    if (this.#received.size > MAX_REMEMBERED && oldest !== undefined) this.#received.delete(oldest);
    return true;
  }
}

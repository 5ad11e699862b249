// Everything that differs between one node and several, in the words of the domain. call-server.ts decides which, once.

import type { PeerPresence } from '../directory';
import type { Payload } from '../protocol';
import type { Address, RoomStore } from '../rooms';

/** Carries PeerJS frames to wherever their addressee is connected. */
export interface PeerFrames {
  /**
   * Sends a frame to a peer, at most once, and after what was sent to it before. Who is connected nowhere is waited for
   * a few seconds. Settles when that is over; false if the peer did not come.
   */
  send(toPeerId: string, frame: string): Promise<boolean>;
  /** `deliver` gets each frame for a peer of this node. */
  listen(deliver: (toPeerId: string, frame: string) => void): void;
}

/** What a participant was told on another node and may not have heard: the arguments of its events, in order. */
export type Missed = unknown[][];

export interface PostListener {
  /** There is a signal for a participant of this node. */
  deliver(address: Address, signal: Payload<'call:signal'>): void;
  /** A participant went to another node by this move: what did it miss here, after what it says it heard last? */
  handOver(address: Address, move: number, lastHeard: string): Promise<Missed | undefined>;
}

/** Brings signals to participants on any node, and fetches what they missed on another one. */
export interface Post {
  /** Whether the signal is on its way: `false` if its addressee can no longer be reached anywhere. */
  send(address: Address, signal: Payload<'call:signal'>): Promise<boolean>;
  /** What who moved away from an address missed there; `undefined` if nobody there can tell any more. */
  collect(address: Address, move: number, lastHeard: string): Promise<Missed | undefined>;
  listen(listener: PostListener): void;
}

export interface Limiter {
  /** Counts one request of a key. Returns 0 if it is allowed, otherwise the milliseconds to wait. */
  take(key: string): number | Promise<number>;
}

export interface Backplane {
  /** The name of this node, by which the addresses of its participants begin. */
  readonly node: string;
  rooms: RoomStore;
  peers: PeerPresence;
  frames: PeerFrames;
  post: Post;
  /** Returns the monotonic time that all nodes agree on, in milliseconds: for deadlines. */
  clock(): number;
  /** Returns the time of day that all nodes agree on, in milliseconds since the epoch. */
  wallClock(): number;
  /** Counts per key what is asked for on all nodes together, under a name of its own. */
  limiter(name: string, points: number, windowMs: number): Limiter;
  /** Settles when it may be listened; rejects if what it stands on does not answer, and has to. */
  opened(): Promise<void>;
  /** Whether what it stands on answers. */
  isHealthy(): Promise<boolean>;
  close(): Promise<void>;
}

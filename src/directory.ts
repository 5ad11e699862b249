// The directory of peers: which peer id is connected to the broker, and whose it is.

import { CallError } from './errors';
import { strongest, type PeerRegistration } from './peer-proof';
import type { ParticipantInfo, PeerInfo } from './protocol';
import type { RoomStore, Seat } from './rooms';

/** One connection of a peer to the broker. Whoever shows the token that its client made up is the same peer. */
export interface PeerConnection {
  peerId: string;
  /** See `hashToken`. */
  tokenHash: string;
  /** The client address, as rate limits count it. */
  network: string;
  /** Names this connection among all that this node ever had. */
  connection: string;
}

/**
 * The memory of who is connected to the PeerJS broker, on every node. An id is its peer's own while that is online, and
 * as long as a participant of a call claims it; the calls are told when it comes and goes.
 */
export interface PeerPresence {
  /**
   * Notes a peer as online, in place of an earlier connection of the same peer. Gives the frames that waited for it;
   * `undefined` if the id is another's.
   */
  arrive(peer: PeerConnection): Promise<string[] | undefined>;
  /** Notes a peer as gone, unless another connection took its place. */
  depart(peer: PeerConnection): Promise<void>;
  /** Returns who opened a peer id; undefined if no client is connected under it, or was while a participant claims it. */
  registration(peerId: string): Promise<PeerRegistration | undefined>;
  /** Returns the ids of all peers that are online, on every node. */
  list(): Promise<string[]>;
  /** How many are online, and how many of them are participants of a call. */
  count(): Promise<{ online: number; inCalls: number }>;
  /** `listener` is told of each connection of this node whose place another node's has taken. */
  onReplaced(listener: (connection: string) => void): void;
}

/** Puts what the broker sees together with what `call:join` claims. */
export class PeerDirectory {
  readonly #presence: PeerPresence;
  readonly #store: RoomStore;

  constructor(presence: PeerPresence, store: RoomStore) {
    this.#presence = presence;
    this.#store = store;
  }

  /**
   * Looks up the participant behind a peer id. Names no participant that did not prove that the peer id is its own. Throws
   * `PEER_NOT_FOUND` for a peer id that is neither connected nor in a call.
   */
  async lookUp(peerId: string): Promise<PeerInfo> {
    const [registration, claims] = await Promise.all([this.#presence.registration(peerId), this.#store.claims(peerId)]);
    const online = registration?.isOnline === true;
    const seat = strongest(claims, registration);
    if (!online && claims.length === 0) throw new CallError('PEER_NOT_FOUND');
    return { peerId, online, userId: seat?.userId ?? null, username: seat?.username ?? null };
  }

  /** Returns the ids of all peers that are connected to the broker. */
  list(): Promise<string[]> {
    return this.#presence.list();
  }

  stats(): Promise<{ online: number; inCalls: number }> {
    return this.#presence.count();
  }
}

/** How a seat is shown to others. */
export function describe(seat: Seat): ParticipantInfo {
  const { userId, peerId, username, isMuted, isVideoOn, joinedAt, peerOnline, heldUntil } = seat;
  return {
    userId,
    peerId,
    username,
    isMuted,
    isVideoOn,
    joinedAt: new Date(joinedAt).toISOString(),
    peerOnline,
    reconnecting: heldUntil !== undefined,
  };
}

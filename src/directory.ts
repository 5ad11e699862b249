// The directory of peers: which peer id is connected to the broker, and whose it is.

import { CallError } from './errors';
import type { ParticipantInfo, PeerInfo } from './protocol';
import type { RoomStore, Seat } from './rooms';
import { Turns } from './turns';

/**
 * The memory of who is connected to the PeerJS broker, on every node. A peer proves that an id is its own by the token
 * that its client made up; the token is remembered after the connection ended until it is forgotten.
 */
export interface PeerPresence {
  arrive(peerId: string, token: string): Promise<void>;
  depart(peerId: string): Promise<void>;
  /** Forgets the token of a peer that is not online. */
  forget(peerId: string): Promise<void>;
  token(peerId: string): Promise<string | undefined>;
  /** Those of `peerIds` that are online. */
  online(peerIds: string[]): Promise<Set<string>>;
  all(): Promise<string[]>;
}

/** Puts what the broker sees together with what `call:join` claims. */
export class PeerDirectory {
  readonly #presence: PeerPresence;
  readonly #store: RoomStore;
  readonly #turns = new Turns();
  #onChange: (seats: Seat[], online: boolean) => void = () => undefined;

  constructor(presence: PeerPresence, store: RoomStore) {
    this.#presence = presence;
    this.#store = store;
  }

  /** `listener` hears of every participant whose broker connection came or went. */
  onChange(listener: (seats: Seat[], online: boolean) => void): void {
    this.#onChange = listener;
  }

  /** Whether a peer with this token may connect under this id: a participant's id waits for its owner alone. */
  async mayConnect(peerId: string, token: string): Promise<boolean> {
    const known = await this.#presence.token(peerId);
    return known === undefined || known === token || (await this.#store.claims(peerId)).length === 0;
  }

  arrived(peerId: string, token: string): Promise<void> {
    return this.#turns.take(peerId, async () => {
      await this.#presence.arrive(peerId, token);
      await this.#tell(peerId, true);
    });
  }

  departed(peerId: string): Promise<void> {
    return this.#turns.take(peerId, async () => {
      await this.#presence.depart(peerId);
      const seats = await this.#tell(peerId, false);
      if (seats.length === 0) await this.#presence.forget(peerId);
    });
  }

  /** A seat was freed: its peer id is no longer kept for its owner, unless another seat claims it. */
  released(peerId: string): Promise<void> {
    return this.#turns.take(peerId, async () => {
      if ((await this.#store.claims(peerId)).length === 0) await this.#presence.forget(peerId);
    });
  }

  /** How seats are shown to others. */
  async describe(seats: Seat[]): Promise<ParticipantInfo[]> {
    const online = await this.#presence.online(seats.map(({ peerId }) => peerId));
    return seats.map(({ userId, peerId, username, isMuted, isVideoOn, joinedAt, heldUntil }) => ({
      userId,
      peerId,
      username,
      isMuted,
      isVideoOn,
      joinedAt: new Date(joinedAt).toISOString(),
      peerOnline: online.has(peerId),
      reconnecting: heldUntil !== undefined,
    }));
  }

  /** Who is behind a peer id. Refuses with `PEER_NOT_FOUND` what is neither connected nor in a call. */
  async lookUp(peerId: string): Promise<PeerInfo> {
    const online = (await this.#presence.online([peerId])).has(peerId);
    const seat = (await this.#store.claims(peerId)).at(-1);
    if (!online && !seat) throw new CallError('PEER_NOT_FOUND');
    return { peerId, online, userId: seat?.userId ?? null, username: seat?.username ?? null };
  }

  async stats(): Promise<{ online: number; inCalls: number }> {
    const peerIds = await this.#presence.all();
    const claims = await Promise.all(peerIds.map((peerId) => this.#store.claims(peerId)));
    return { online: peerIds.length, inCalls: claims.filter((seats) => seats.length > 0).length };
  }

  idle(): Promise<void> {
    return this.#turns.idle();
  }

  async #tell(peerId: string, online: boolean): Promise<Seat[]> {
    const seats = await this.#store.claims(peerId);
    if (seats.length > 0) this.#onChange(seats, online);
    return seats;
  }
}

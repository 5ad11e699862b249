// The rules of a call: who has a seat, who may speak for whom, and when a seat is free again.

import { CallError } from './errors';
import type { Payload } from './protocol';

/** Where a participant is reached: opaque to the rules, the transport's own. One per signaling connection. */
export type Address = string;

/** One participant's place in one call. */
export interface Seat {
  readonly meetingId: string;
  readonly userId: string;
  readonly username: string;
  readonly peerId: string;
  /** The connection that speaks for this seat. */
  readonly address: Address;
  readonly isMuted: boolean;
  readonly isVideoOn: boolean;
  /** Milliseconds since the epoch, like every time here. */
  readonly joinedAt: number;
  /** Set while the connection is lost: until when the seat is kept for its return. */
  readonly heldUntil?: number;
}

export type Media = Pick<Seat, 'isMuted' | 'isVideoOn'>;

/** Which seat, and on whose behalf: an operation touches a seat only while this very connection holds it. */
export type SeatKey = Pick<Seat, 'meetingId' | 'userId' | 'address'>;

export type Seating =
  | { outcome: 'seated'; seat: Seat; others: Seat[]; replaced: Seat | undefined }
  /** The same connection asked again for what it has. */
  | { outcome: 'unchanged'; seat: Seat; others: Seat[] }
  | { outcome: 'peer-id-taken' }
  | { outcome: 'full' };

/**
 * The one thing the rules need: a memory of seats. Each method is atomic, against all others and from every node.
 * test/backplane/room-store.contract.ts states by number what each implementation owes.
 */
export interface RoomStore {
  /**
   * Seats a user. In this order: who holds the peer id as somebody else (other user, other connection) refuses; who is
   * already in takes over; a call of `capacity` refuses. `others` is who else was in at that moment; a
   * seat that the same connection holds as another user is none, it is about to be left.
   */
  seat(newcomer: Seat, capacity: number): Promise<Seating>;
  /** Frees the seat; `undefined` if this connection does not hold it. */
  release(key: SeatKey): Promise<Seat | undefined>;
  /** Changes what the others know of the media. `changed` is false if it was so already. */
  setMedia(key: SeatKey, media: Partial<Media>): Promise<{ seat: Seat; changed: boolean } | undefined>;
  /** Keeps the seat for a lost connection until `until`. */
  hold(key: SeatKey, until: number): Promise<Seat | undefined>;
  /** Gives a held seat back to its connection; a seat that was not held stays as it is. */
  resume(key: SeatKey): Promise<Seat | undefined>;
  /** Frees all seats of the call that were held until `asOf` or earlier. Each is given out once. */
  expire(meetingId: string, asOf: number): Promise<Seat[]>;
  find(meetingId: string, userId: string): Promise<Seat | undefined>;
  roster(meetingId: string): Promise<Seat[]>;
  /** The seats that claim this peer id. */
  claims(peerId: string): Promise<Seat[]>;
  count(): Promise<{ calls: number; participants: number }>;
}

/** What a connection says it is: the seat it last joined, which may have been taken over meanwhile. */
export interface Speaker {
  readonly address: Address;
  readonly seat?: { readonly meetingId: string; readonly userId: string } | undefined;
}

export interface RoomsOptions {
  maxParticipants: number;
  minParticipants: number;
  reconnectGraceMs: number;
  clock?: () => number;
}

/** The rules, told by number in docs/rules.md. */
export class Rooms {
  readonly #store: RoomStore;
  readonly #options: RoomsOptions;
  readonly #clock: () => number;

  constructor(store: RoomStore, options: RoomsOptions) {
    this.#store = store;
    this.#options = options;
    this.#clock = options.clock ?? Date.now;
  }

  /** Seats a user, muted and without camera. Refuses with `ROOM_FULL` or `PEER_ID_TAKEN`. */
  async join(address: Address, { meetingId, userId, peerId, username }: Payload<'call:join'>) {
    const newcomer = {
      meetingId,
      userId,
      peerId,
      username,
      address,
      isMuted: true,
      isVideoOn: false,
      joinedAt: this.#clock(),
    };
    const seating = await this.#store.seat(newcomer, this.#options.maxParticipants);
    if (seating.outcome === 'peer-id-taken') throw new CallError('PEER_ID_TAKEN');
    if (seating.outcome === 'full') throw new CallError('ROOM_FULL');
    return seating;
  }

  /** Ends a participation on request. Refuses whoever speaks for another. */
  async leave(speaker: Speaker, claimed: { meetingId: string; userId: string }): Promise<Seat> {
    const seat = await this.#store.release(speakFor(speaker, claimed));
    if (!seat) throw new CallError('NOT_IN_CALL');
    return seat;
  }

  /** Ends a participation because of what happened to its connection; `undefined` if another one took the seat over. */
  depart(key: SeatKey): Promise<Seat | undefined> {
    return this.#store.release(key);
  }

  async setMedia(speaker: Speaker, claimed: { meetingId: string; userId: string }, media: Partial<Media>) {
    const result = await this.#store.setMedia(speakFor(speaker, claimed), media);
    if (!result) throw new CallError('NOT_IN_CALL');
    return result;
  }

  /** Finds sender and addressee of a signal: in the same call, and the sender is who it says. */
  async route(speaker: Speaker, { meetingId, fromUserId, toUserId }: Payload<'call:signal'>) {
    const { seat } = speaker;
    if (seat?.meetingId !== meetingId && !(await this.exists(meetingId))) throw new CallError('ROOM_NOT_FOUND');
    const key = speakFor(speaker, { meetingId, userId: fromUserId });
    const from = await this.#store.find(meetingId, fromUserId);
    if (from?.address !== key.address) throw new CallError('NOT_IN_CALL');
    const to = await this.#store.find(meetingId, toUserId);
    if (!to) throw new CallError('USER_NOT_FOUND');
    return { from, to };
  }

  /** A lost connection keeps its seat for the time of grace; gives the seat with its `heldUntil`. */
  hold(key: SeatKey): Promise<Seat | undefined> {
    return this.#store.hold(key, this.#clock() + this.#options.reconnectGraceMs);
  }

  resume(key: SeatKey): Promise<Seat | undefined> {
    return this.#store.resume(key);
  }

  expire(meetingId: string, asOf: number): Promise<Seat[]> {
    return this.#store.expire(meetingId, asOf);
  }

  /** Everybody in a call. Refuses with `ROOM_NOT_FOUND` when that is nobody. */
  async roster(meetingId: string): Promise<{ seats: Seat[]; status: 'waiting' | 'active' }> {
    const seats = await this.#store.roster(meetingId);
    if (seats.length === 0) throw new CallError('ROOM_NOT_FOUND');
    return { seats, status: seats.length < this.#options.minParticipants ? 'waiting' : 'active' };
  }

  /** Whether anybody is in the call. */
  async exists(meetingId: string): Promise<boolean> {
    return (await this.#store.roster(meetingId)).length > 0;
  }

  count(): Promise<{ calls: number; participants: number }> {
    return this.#store.count();
  }
}

/** Identity belongs to the connection: the seat it joined is the only one it may name. */
function speakFor({ address, seat }: Speaker, claimed: { meetingId: string; userId: string }): SeatKey {
  if (!seat) throw new CallError('NOT_IN_CALL');
  if (seat.meetingId !== claimed.meetingId || seat.userId !== claimed.userId) throw new CallError('FORBIDDEN');
  return { meetingId: seat.meetingId, userId: seat.userId, address };
}

// The rules of a call: who has a seat, who may speak for whom, and when a seat is free again.

import { monotonicNow } from './clock';
import { CallError } from './errors';
import { hashToken, type PeerProof } from './peer-proof';
import type { LeaveReason, Payload } from './protocol';

/**
 * Where a participant is reached: the name of a node, a slash, and what the transport of that node makes of it. One per
 * signaling connection.
 */
export type Address = string;

/** One participant's place in one call. */
export interface Seat {
  readonly meetingId: string;
  readonly userId: string;
  readonly username: string;
  readonly peerId: string;
  /** What its client showed to claim the peer id. */
  readonly proof?: PeerProof | undefined;
  /** The connection that speaks for this seat. */
  readonly address: Address;
  /** What its client shows when it comes back on another connection: a secret between it and us. */
  readonly ticket: string;
  readonly isMuted: boolean;
  readonly isVideoOn: boolean;
  /** Whether the PeerJS broker has a connection of this peer id. */
  readonly peerOnline: boolean;
  /** Milliseconds since the epoch. */
  readonly joinedAt: number;
  /** The version of the change by which it was given, where changes have one; a text of digits. */
  readonly version?: string;
  /** Set while the connection is lost: until when the seat is kept for its return, by the monotonic clock of all nodes. */
  readonly heldUntil?: number;
}

/** A seat that is asked for; whether its peer is online, the store knows. */
export type Newcomer = Omit<Seat, 'peerOnline' | 'heldUntil'> & {
  /** Tells this request from others of the same node: an earlier one may be granted late. */
  readonly request: number;
};

export type Media = Pick<Seat, 'isMuted' | 'isVideoOn'>;

/** Which seat, and on whose behalf: an operation touches a seat only while this very connection holds it. */
export type SeatKey = Pick<Seat, 'meetingId' | 'userId' | 'address'>;

export type Seating =
  | { outcome: 'seated'; seat: Seat; others: Seat[]; replaced: Seat | undefined }
  /** The same connection asked again for what it has. */
  | { outcome: 'unchanged'; seat: Seat; others: Seat[] }
  | { outcome: 'peer-id-taken' }
  /** The client went on on another connection, with its seat, before it got this one. */
  | { outcome: 'gone' }
  | { outcome: 'full' };

/** Somebody left. */
export interface Departure {
  seat: Seat;
  reason: LeaveReason;
  version: number;
}

/** A seat that went to another node, who was in the call then, and who left it lately. */
export interface Moved {
  /** By which change: it is the name of the move. */
  version: number;
  seat: Seat;
  others: Seat[];
  departed?: Departure[];
}

/** What happened to a seat. `others` is who else was in the call then, `before` how the seat was. */
export type Change =
  | { kind: 'seated'; seat: Seat; others: Seat[]; replaced?: Seat | undefined; request?: number }
  /** Told to the node of the seat alone: its connection asked again for what it has. */
  | { kind: 'confirmed'; seat: Seat; others: Seat[]; request: number }
  /** Its connection is lost; or it comes back on another node, to which the seat goes ahead of it. */
  | ({ kind: 'held'; before: Seat } & Moved)
  | { kind: 'resumed'; seat: Seat; others: Seat[] }
  | { kind: 'media'; seat: Seat; media: Partial<Media> }
  | { kind: 'renamed'; seat: Seat }
  | { kind: 'peer'; seat: Seat }
  | { kind: 'freed'; seat: Seat; reason: LeaveReason };

/**
 * The one thing the rules need: a memory of seats. Each method is atomic, against all others and from every node, and
 * settles when this node was told of what it changed. test/backplane/room-store.contract.ts states by number what each
 * implementation owes.
 */
export interface RoomStore {
  /**
   * `listener` is told, once and in the order in which they happened, of all changes in the calls in which this node has
   * somebody. On every node that order is the same.
   */
  listen(listener: (change: Change) => void): void;
  /** Up to which change this node was told everything: of two nodes, the one with the greater one was told more. */
  readonly version: number;
  /**
   * Seats a user. In this order: a ticket whose seat is on another connection refuses; who holds the peer id as somebody
   * else (other user, other connection) refuses, unless its proof is weaker (`contest` in peer-proof.ts); who is already in
   * takes over; a call of `capacity` refuses. The store then frees the seats of weaker claims with the reason `evicted`.
   * `others` is who else was in at that moment; a seat that the same connection holds as another user is none, it is about
   * to be left.
   */
  seat(newcomer: Newcomer, capacity: number): Promise<Seating>;
  /** Frees the seat; `undefined` if this connection does not hold it. */
  release(key: SeatKey, reason: LeaveReason): Promise<Seat | undefined>;
  /** Changes what the others know of the media. `changed` is false if it was so already. */
  setMedia(key: SeatKey, media: Partial<Media>): Promise<{ seat: Seat; changed: boolean } | undefined>;
  /** Changes the display name. `changed` is false if the seat has that name already. */
  rename(key: SeatKey, username: string): Promise<{ seat: Seat; changed: boolean } | undefined>;
  /** Keeps the seat for a lost connection until `until`. */
  hold(key: SeatKey, until: number): Promise<Seat | undefined>;
  /** Gives a held seat back to its connection, which now comes from `network`; see {@link PeerProof}. */
  resume(key: SeatKey, network: string): Promise<Seat | undefined>;
  /** Brings a seat to another connection, and keeps it until then for that. */
  move(key: SeatKey, address: Address, until: number): Promise<Moved | undefined>;
  /** Frees all seats that were held until `asOf` or earlier. Each is given out once. */
  expire(asOf: number): Promise<Seat[]>;
  /** A seat as this node was told of it: of calls in which it has nobody, it knows nothing. */
  find(meetingId: string, userId: string): Seat | undefined;
  /** The seats of a call as this node was told of them, like {@link find}. */
  seatsOf(meetingId: string): Seat[];
  /** The seat that belongs to a ticket. */
  holder(ticket: string): Promise<Seat | undefined>;
  roster(meetingId: string): Promise<Seat[]>;
  /** The seats that claim this peer id. */
  claims(peerId: string): Promise<Seat[]>;
  count(): Promise<{ calls: number; participants: number }>;
}

/** Who asks: a connection, and the seat it last joined, which may have been taken over meanwhile. */
export interface Speaker {
  readonly address: Address;
  readonly ticket: string;
  /** The client address of the connection, as rate limits count it. */
  readonly network: string;
  readonly seat?: { readonly meetingId: string; readonly userId: string } | undefined;
}

export interface RoomsOptions {
  maxParticipants: number;
  minParticipants: number;
  reconnectGraceMs: number;
  /** Returns the monotonic time that all nodes agree on, in milliseconds. */
  clock?: () => number;
  /** Returns the time of day that all nodes agree on, in milliseconds since the epoch. */
  wallClock?: () => number;
}

/** The rules, told by number in docs/rules.md. */
export class Rooms {
  readonly #store: RoomStore;
  readonly #options: RoomsOptions;
  readonly #clock: () => number;
  readonly #wallClock: () => number;

  constructor(store: RoomStore, options: RoomsOptions) {
    this.#store = store;
    this.#options = options;
    this.#clock = options.clock ?? monotonicNow;
    this.#wallClock = options.wallClock ?? Date.now;
  }

  /** `listener` is told of everything that happens in the calls in which this node has somebody, in its order. */
  onChange(listener: (change: Change) => void): void {
    this.#store.listen(listener);
  }

  /** Seats a user, muted and without camera. Refuses with `ROOM_FULL` or `PEER_ID_TAKEN`. */
  async join({ address, ticket, network }: Speaker, request: number, payload: Payload<'call:join'>): Promise<void> {
    const { meetingId, userId, peerId, peerToken, username } = payload;
    const newcomer = {
      meetingId,
      userId,
      peerId,
      username,
      proof: { network, ...(peerToken != null && { tokenHash: hashToken(peerToken) }) },
      address,
      ticket,
      isMuted: true,
      isVideoOn: false,
      joinedAt: this.#wallClock(),
      request,
    };
    const seating = await this.#store.seat(newcomer, this.#options.maxParticipants);
    if (seating.outcome === 'peer-id-taken') throw new CallError('PEER_ID_TAKEN');
    // Nobody hears this; if somebody does, asking again is right.
    if (seating.outcome === 'gone') throw new CallError('UNAVAILABLE', { retryAfterMs: 1000 });
    if (seating.outcome === 'full') throw new CallError('ROOM_FULL');
  }

  /** Ends a participation on request. Refuses whoever speaks for another. */
  async leave(speaker: Speaker, claimed: { meetingId: string; userId: string }): Promise<void> {
    if (!(await this.#store.release(speakFor(speaker, claimed), 'left'))) throw new CallError('NOT_IN_CALL');
  }

  /** Ends a participation that nobody asked to end; `undefined` if another connection took the seat over. */
  depart(key: SeatKey, reason: LeaveReason): Promise<Seat | undefined> {
    return this.#store.release(key, reason);
  }

  async setMedia(speaker: Speaker, claimed: { meetingId: string; userId: string }, media: Partial<Media>) {
    const result = await this.#store.setMedia(speakFor(speaker, claimed), media);
    if (!result) throw new CallError('NOT_IN_CALL');
    return result.seat;
  }

  /** Changes a participant's display name, and returns its seat. Rejects like `setMedia`. */
  async rename(speaker: Speaker, { username, ...claimed }: Payload<'call:rename'>): Promise<Seat> {
    const result = await this.#store.rename(speakFor(speaker, claimed), username);
    if (!result) throw new CallError('NOT_IN_CALL');
    return result.seat;
  }

  /** Finds sender and addressee of a signal: in the same call, and the sender is who it says. */
  async route(speaker: Speaker, { meetingId, fromUserId, toUserId }: Payload<'call:signal'>) {
    const { seat } = speaker;
    if (seat?.meetingId !== meetingId && !(await this.exists(meetingId))) throw new CallError('ROOM_NOT_FOUND');
    const key = speakFor(speaker, { meetingId, userId: fromUserId });
    const from = this.#store.find(meetingId, fromUserId);
    if (from?.address !== key.address) throw new CallError('NOT_IN_CALL');
    const to = this.#store.find(meetingId, toUserId);
    if (!to) throw new CallError('USER_NOT_FOUND');
    return { from, to };
  }

  /** A lost connection keeps its seat for the time of grace. */
  hold(key: SeatKey): Promise<Seat | undefined> {
    return this.#store.hold(key, this.#clock() + this.#options.reconnectGraceMs);
  }

  resume(key: SeatKey, network: string): Promise<Seat | undefined> {
    return this.#store.resume(key, network);
  }

  /** The seats of a call in which this node has a participant; none if it has no participant there. */
  members(meetingId: string): Seat[] {
    return this.#store.seatsOf(meetingId);
  }

  /** Whose ticket this is. */
  holder(ticket: string): Promise<Seat | undefined> {
    return this.#store.holder(ticket);
  }

  /** Brings a seat here, ahead of its client; `undefined` if it is gone or somewhere else by now. */
  fetch(key: SeatKey, address: Address): Promise<Moved | undefined> {
    return this.#store.move(key, address, this.#clock() + this.#options.reconnectGraceMs);
  }

  /** Frees what was held long enough. */
  expire(asOf: number): Promise<Seat[]> {
    return this.#store.expire(asOf);
  }

  /** Up to which change this node was told everything. */
  get version(): number {
    return this.#store.version;
  }

  /** Milliseconds until a held seat is free. */
  timeLeft({ heldUntil = 0 }: Seat): number {
    return Math.max(heldUntil - this.#clock(), 0);
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

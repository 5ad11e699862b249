// One node: everything in this process, nothing elsewhere.

import type { PeerPresence } from '../directory';
import type { Media, RoomStore, Seat, SeatKey, Seating } from '../rooms';
import type { Backplane } from './index';

export function createMemoryBackplane(): Backplane {
  return {
    rooms: new MemoryRoomStore(),
    peers: new MemoryPeerPresence(),
    frames: { forward: () => Promise.resolve(false), listen: () => undefined },
    isHealthy: () => Promise.resolve(true),
    close: () => Promise.resolve(),
  };
}

/* Asynchronous by contract, not by need: each body runs in one piece, which is what makes it atomic. */
/* eslint-disable @typescript-eslint/require-await */

export class MemoryRoomStore implements RoomStore {
  readonly #calls = new Map<string, Map<string, Seat>>();
  readonly #claims = new Map<string, Set<Seat>>();
  #participants = 0;

  async seat(newcomer: Seat, capacity: number): Promise<Seating> {
    const { meetingId, userId, peerId, username, address } = newcomer;
    const isSomebodyElse = (seat: Seat) => seat.userId !== userId && seat.address !== address;
    if ([...(this.#claims.get(peerId) ?? [])].some(isSomebodyElse)) return { outcome: 'peer-id-taken' };

    const call = this.#calls.get(meetingId);
    const seated = call?.get(userId);
    const others = [...(call?.values() ?? [])].filter((seat) => seat !== seated && seat.address !== address);
    if (seated?.address === address && seated.peerId === peerId && seated.username === username)
      return { outcome: 'unchanged', seat: seated, others };
    if (!seated && others.length >= capacity) return { outcome: 'full' };
    this.#put(newcomer);
    return { outcome: 'seated', seat: newcomer, others, replaced: seated };
  }

  async release(key: SeatKey): Promise<Seat | undefined> {
    const seat = this.#held(key);
    if (seat) this.#remove(seat);
    return seat;
  }

  async setMedia(key: SeatKey, media: Partial<Media>): Promise<{ seat: Seat; changed: boolean } | undefined> {
    const seat = this.#held(key);
    if (!seat) return undefined;
    const next = { ...seat, ...media };
    const changed = next.isMuted !== seat.isMuted || next.isVideoOn !== seat.isVideoOn;
    if (changed) this.#put(next);
    return { seat: next, changed };
  }

  async hold(key: SeatKey, until: number): Promise<Seat | undefined> {
    const seat = this.#held(key);
    return seat && this.#put({ ...seat, heldUntil: until });
  }

  async resume(key: SeatKey): Promise<Seat | undefined> {
    const seat = this.#held(key);
    if (seat?.heldUntil === undefined) return seat;
    const { heldUntil: _, ...resumed } = seat;
    return this.#put(resumed);
  }

  async expire(meetingId: string, asOf: number): Promise<Seat[]> {
    const due = [...(this.#calls.get(meetingId)?.values() ?? [])].filter(
      ({ heldUntil }) => heldUntil !== undefined && heldUntil <= asOf,
    );
    for (const seat of due) this.#remove(seat);
    return due;
  }

  async find(meetingId: string, userId: string): Promise<Seat | undefined> {
    return this.#calls.get(meetingId)?.get(userId);
  }

  async roster(meetingId: string): Promise<Seat[]> {
    return [...(this.#calls.get(meetingId)?.values() ?? [])];
  }

  async claims(peerId: string): Promise<Seat[]> {
    return [...(this.#claims.get(peerId) ?? [])];
  }

  async count(): Promise<{ calls: number; participants: number }> {
    return { calls: this.#calls.size, participants: this.#participants };
  }

  #held({ meetingId, userId, address }: SeatKey): Seat | undefined {
    const seat = this.#calls.get(meetingId)?.get(userId);
    return seat?.address === address ? seat : undefined;
  }

  /** Sets the seat of this user in this call, in place of an earlier one. */
  #put(seat: Seat): Seat {
    let call = this.#calls.get(seat.meetingId);
    if (!call) this.#calls.set(seat.meetingId, (call = new Map<string, Seat>()));
    const earlier = call.get(seat.userId);
    if (earlier) this.#disclaim(earlier);
    else this.#participants += 1;
    call.set(seat.userId, seat);
    const claims = this.#claims.get(seat.peerId);
    if (claims) claims.add(seat);
    else this.#claims.set(seat.peerId, new Set([seat]));
    return seat;
  }

  #remove(seat: Seat): void {
    const call = this.#calls.get(seat.meetingId);
    if (call?.delete(seat.userId)) this.#participants -= 1;
    if (call?.size === 0) this.#calls.delete(seat.meetingId);
    this.#disclaim(seat);
  }

  #disclaim(seat: Seat): void {
    const claims = this.#claims.get(seat.peerId);
    claims?.delete(seat);
    if (claims?.size === 0) this.#claims.delete(seat.peerId);
  }
}

export class MemoryPeerPresence implements PeerPresence {
  readonly #peers = new Map<string, { token: string; online: boolean }>();

  async arrive(peerId: string, token: string): Promise<void> {
    this.#peers.set(peerId, { token, online: true });
  }

  async depart(peerId: string): Promise<void> {
    const peer = this.#peers.get(peerId);
    if (peer) peer.online = false;
  }

  async forget(peerId: string): Promise<void> {
    if (!this.#peers.get(peerId)?.online) this.#peers.delete(peerId);
  }

  async token(peerId: string): Promise<string | undefined> {
    return this.#peers.get(peerId)?.token;
  }

  async online(peerIds: string[]): Promise<Set<string>> {
    return new Set(peerIds.filter((peerId) => this.#peers.get(peerId)?.online));
  }

  async all(): Promise<string[]> {
    return [...this.#peers].filter(([, { online }]) => online).map(([peerId]) => peerId);
  }
}

// One node: everything in this process, nothing elsewhere.

import { monotonicNow } from '../clock';
import type { PeerConnection, PeerPresence } from '../directory';
import { contest, isSameToken, mayOpen, type PeerProof, type PeerRegistration } from '../peer-proof';
import type { LeaveReason } from '../protocol';
import type { Address, Change, Media, Moved, Newcomer, RoomStore, Seat, SeatKey, Seating } from '../rooms';
import type { Backplane, PeerFrames, Post, PostListener } from './index';
import { WindowLimiter } from './window-limiter';

export function createMemoryBackplane(): Backplane {
  const peers: MemoryPeers = new MemoryPeers((peerId) => rooms.claimsOf(peerId));
  const rooms: MemoryRoomStore = new MemoryRoomStore((peerId) => peers.find(peerId));
  peers.onChange = (peerId, online) => rooms.notePeer(peerId, online);
  rooms.onDisclaimed = (peerId) => peers.forget(peerId);
  return {
    node: 'one',
    rooms,
    peers,
    frames: peers,
    post: new MemoryPost(),
    clock: monotonicNow,
    wallClock: Date.now,
    opened: () => Promise.resolve(),
    limiter: (_name, points, windowMs) => new WindowLimiter(points, windowMs),
    isHealthy: () => Promise.resolve(true),
    close: () => {
      peers.close();
      return Promise.resolve();
    },
  };
}

/* Asynchronous by contract, not by need: each body runs in one piece, which is what makes it atomic. */
/* eslint-disable @typescript-eslint/require-await */

export class MemoryRoomStore implements RoomStore {
  /** There is no other node that could have been told more. */
  readonly version = 0;
  readonly #calls = new Map<string, Map<string, Seat>>();
  readonly #claims = new Map<string, Set<Seat>>();
  readonly #tickets = new Map<string, Seat>();
  readonly #held = new Set<Seat>();
  readonly #registrationOf: (peerId: string) => PeerRegistration | undefined;
  #participants = 0;
  #listener: (change: Change) => void = () => undefined;
  /** Called when no seat claims a peer id any more. */
  onDisclaimed: (peerId: string) => void = () => undefined;

  constructor(registrationOf: (peerId: string) => PeerRegistration | undefined) {
    this.#registrationOf = registrationOf;
  }

  listen(listener: (change: Change) => void): void {
    this.#listener = listener;
  }

  async seat({ request, ...newcomer }: Newcomer, capacity: number): Promise<Seating> {
    const { meetingId, userId, peerId, username, address, ticket } = newcomer;
    if ((this.#tickets.get(ticket)?.address ?? address) !== address) return { outcome: 'gone' };
    const registration = this.#registrationOf(peerId);
    const rivals = this.claimsOf(peerId).filter((seat) => seat.address !== address);
    const superseded = contest(newcomer, rivals, registration);
    if (!superseded) return { outcome: 'peer-id-taken' };

    const seated = this.find(meetingId, userId);
    const isOther = (seat: Seat) => seat.address !== address && !superseded.includes(seat);
    const others = this.#others(newcomer).filter(isOther);
    if (!seated && others.length >= capacity) return { outcome: 'full' };
    const isSame = seated?.address === address && seated.peerId === peerId && seated.username === username;
    const seat = isSame
      ? { ...seated, proof: { ...seated.proof, ...newcomer.proof } as PeerProof }
      : // In this order: what V8 adds to a spread object gives each one a shape of its own, of 0.4 kB.
        { peerOnline: registration?.isOnline === true, ...newcomer };
    // First the new claim: without any, the peer id would lose its owner.
    this.#claim(seat);
    for (const rival of superseded) if (rival !== seated) this.apply({ kind: 'freed', seat: rival, reason: 'evicted' });
    if (isSame) {
      this.#put(seat);
      this.#listener({ kind: 'confirmed', seat, others, request });
      return { outcome: 'unchanged', seat, others };
    }
    this.apply({ kind: 'seated', seat, others, replaced: seated, request });
    return { outcome: 'seated', seat, others, replaced: seated };
  }

  async release(key: SeatKey, reason: LeaveReason): Promise<Seat | undefined> {
    const seat = this.#heldBy(key);
    if (seat) this.apply({ kind: 'freed', seat, reason });
    return seat;
  }

  async setMedia(key: SeatKey, media: Partial<Media>): Promise<{ seat: Seat; changed: boolean } | undefined> {
    const before = this.#heldBy(key);
    if (!before) return undefined;
    const seat = { ...before, ...media };
    const changed = seat.isMuted !== before.isMuted || seat.isVideoOn !== before.isVideoOn;
    if (changed) this.apply({ kind: 'media', seat, media });
    return { seat, changed };
  }

  async rename(key: SeatKey, username: string): Promise<{ seat: Seat; changed: boolean } | undefined> {
    const before = this.#heldBy(key);
    if (!before) return undefined;
    const seat = { ...before, username };
    const changed = username !== before.username;
    if (changed) this.apply({ kind: 'renamed', seat });
    return { seat, changed };
  }

  async hold(key: SeatKey, until: number): Promise<Seat | undefined> {
    return (await this.move(key, key.address, until))?.seat;
  }

  async move(key: SeatKey, address: Address, until: number): Promise<Moved | undefined> {
    const before = this.#heldBy(key);
    if (!before) return undefined;
    const moved = { version: this.version, seat: { ...before, address, heldUntil: until }, others: this.#others(key) };
    this.apply({ kind: 'held', before, ...moved });
    return moved;
  }

  async resume(key: SeatKey, network: string): Promise<Seat | undefined> {
    const before = this.#heldBy(key);
    if (!before) return undefined;
    const { heldUntil, ...kept } = before;
    const seat = { ...kept, proof: { ...kept.proof, network } };
    if (heldUntil === undefined) this.#put(seat);
    else this.apply({ kind: 'resumed', seat, others: this.#others(key) });
    return seat;
  }

  async expire(asOf: number): Promise<Seat[]> {
    const due = [...this.#held].filter(({ heldUntil = Infinity }) => heldUntil <= asOf);
    for (const seat of due) this.apply({ kind: 'freed', seat, reason: 'lost' });
    return due;
  }

  find(meetingId: string, userId: string): Seat | undefined {
    return this.#calls.get(meetingId)?.get(userId);
  }

  async holder(ticket: string): Promise<Seat | undefined> {
    return this.#tickets.get(ticket);
  }

  async roster(meetingId: string): Promise<Seat[]> {
    return this.seatsOf(meetingId);
  }

  async claims(peerId: string): Promise<Seat[]> {
    return this.claimsOf(peerId);
  }

  async count(): Promise<{ calls: number; participants: number }> {
    return { calls: this.#calls.size, participants: this.#participants };
  }

  /** Makes a change true, and tells of it. */
  apply(change: Change): void {
    if (change.kind === 'freed') this.#remove(change.seat);
    else this.#put(change.seat);
    this.#listener(change);
  }

  /** A peer is online from now on, or no longer. */
  notePeer(peerId: string, peerOnline: boolean): void {
    for (const seat of this.claimsOf(peerId))
      if (seat.peerOnline !== peerOnline) this.apply({ kind: 'peer', seat: { ...seat, peerOnline } });
  }

  claimsOf(peerId: string): Seat[] {
    return [...(this.#claims.get(peerId) ?? [])];
  }

  all(): Seat[] {
    return [...this.#calls.values()].flatMap((call) => [...call.values()]);
  }

  /** Takes seats as they are, which is no news. */
  fill(seats: Seat[]): void {
    for (const seat of seats) this.#put(seat);
  }

  /** Forgets a call, which is no news either. */
  drop(meetingId: string): void {
    for (const seat of this.seatsOf(meetingId)) this.#remove(seat);
  }

  seatsOf(meetingId: string): Seat[] {
    return [...(this.#calls.get(meetingId)?.values() ?? [])];
  }

  #others({ meetingId, userId }: Pick<Seat, 'meetingId' | 'userId'>): Seat[] {
    return this.seatsOf(meetingId).filter((seat) => seat.userId !== userId);
  }

  #heldBy({ meetingId, userId, address }: SeatKey): Seat | undefined {
    const seat = this.find(meetingId, userId);
    return seat?.address === address ? seat : undefined;
  }

  /** Sets the seat of this user in this call, in place of an earlier one. */
  #put(seat: Seat): void {
    const { meetingId, userId, ticket, heldUntil } = seat;
    let call = this.#calls.get(meetingId);
    if (!call) this.#calls.set(meetingId, (call = new Map<string, Seat>()));
    const before = call.get(userId);
    if (!before) this.#participants += 1;
    call.set(userId, seat);
    this.#tickets.set(ticket, seat);
    if (heldUntil !== undefined) this.#held.add(seat);
    this.#claim(seat);
    if (before) this.#let(before);
  }

  #claim(seat: Seat): void {
    const claims = this.#claims.get(seat.peerId);
    if (claims) claims.add(seat);
    else this.#claims.set(seat.peerId, new Set([seat]));
  }

  #remove(seat: Seat): void {
    const call = this.#calls.get(seat.meetingId);
    const before = call?.get(seat.userId);
    if (!call || !before) return;
    call.delete(seat.userId);
    if (call.size === 0) this.#calls.delete(seat.meetingId);
    this.#participants -= 1;
    this.#let(before);
  }

  /** Forgets what a seat, as it was, stood under. */
  #let(seat: Seat): void {
    this.#held.delete(seat);
    if (this.#tickets.get(seat.ticket) === seat) this.#tickets.delete(seat.ticket);
    const claims = this.#claims.get(seat.peerId);
    claims?.delete(seat);
    if (claims?.size !== 0) return;
    this.#claims.delete(seat.peerId);
    this.onDisclaimed(seat.peerId);
  }
}

/** How long a frame waits for a peer that is not there: what PeerJS's own server gives it. */
export const WAITING_MS = 5000;

interface Waiting {
  frame: string;
  settle: (hasCome: boolean) => void;
  timer: NodeJS.Timeout;
}

/** Who is connected to the broker of this node, and the frames that wait for who is not. */
export class MemoryPeers implements PeerPresence, PeerFrames {
  readonly #peers = new Map<
    string,
    Omit<PeerConnection, 'peerId' | 'connection'> & { connection?: string | undefined }
  >();
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #claimsOf: (peerId: string) => Seat[];
  #deliver: (toPeerId: string, frame: string) => void = () => undefined;
  /** Called when a peer came or went. */
  onChange: (peerId: string, online: boolean) => void = () => undefined;

  constructor(claimsOf: (peerId: string) => Seat[]) {
    this.#claimsOf = claimsOf;
  }

  async arrive({ peerId, tokenHash, network, connection }: PeerConnection): Promise<string[] | undefined> {
    const known = this.#peers.get(peerId);
    if (!(known ? isSameToken(known.tokenHash, tokenHash) : mayOpen(tokenHash, this.#claimsOf(peerId))))
      return undefined;
    this.#peers.set(peerId, { tokenHash, network, connection });
    this.onChange(peerId, true);
    const waiting = this.#waiting.get(peerId) ?? [];
    this.#waiting.delete(peerId);
    return waiting.map(({ frame, settle, timer }) => {
      clearTimeout(timer);
      settle(true);
      return frame;
    });
  }

  async depart({ peerId, connection }: PeerConnection): Promise<void> {
    const peer = this.#peers.get(peerId);
    if (peer?.connection !== connection) return;
    peer.connection = undefined;
    this.onChange(peerId, false);
    this.forget(peerId);
  }

  async registration(peerId: string): Promise<PeerRegistration | undefined> {
    return this.find(peerId);
  }

  async list(): Promise<string[]> {
    return [...this.#peers.keys()].filter((peerId) => this.isHere(peerId));
  }

  async count(): Promise<{ online: number; inCalls: number }> {
    const online = await this.list();
    return { online: online.length, inCalls: online.filter(this.#isClaimed).length };
  }

  onReplaced(): void {
    // There is no other node.
  }

  send(toPeerId: string, frame: string): Promise<boolean> {
    if (this.isHere(toPeerId)) {
      this.#deliver(toPeerId, frame);
      return Promise.resolve(true);
    }
    return new Promise((settle) => {
      const waiting = this.#waiting.get(toPeerId) ?? [];
      this.#waiting.set(toPeerId, waiting);
      const expire = () => {
        // They have waited equally long, so it is the first.
        waiting.shift();
        if (waiting.length === 0) this.#waiting.delete(toPeerId);
        settle(false);
      };
      waiting.push({ frame, settle, timer: setTimeout(expire, WAITING_MS).unref() });
    });
  }

  listen(deliver: (toPeerId: string, frame: string) => void): void {
    this.#deliver = deliver;
  }

  isHere(peerId: string): boolean {
    return this.#peers.get(peerId)?.connection !== undefined;
  }

  /** Returns a peer that is here, or was while a participant claims it. */
  find(peerId: string): PeerRegistration | undefined {
    const peer = this.#peers.get(peerId);
    return peer && { tokenHash: peer.tokenHash, network: peer.network, isOnline: peer.connection !== undefined };
  }

  /** Forgets the token of a peer that is neither here nor claimed. */
  forget(peerId: string): void {
    if (!this.isHere(peerId) && !this.#isClaimed(peerId)) this.#peers.delete(peerId);
  }

  readonly #isClaimed = (peerId: string) => this.#claimsOf(peerId).length > 0;

  close(): void {
    for (const { timer } of [...this.#waiting.values()].flat()) clearTimeout(timer);
  }
}

class MemoryPost implements Post {
  #listener: PostListener | undefined;

  async send(...[address, signal]: Parameters<Post['send']>): Promise<boolean> {
    this.#listener?.deliver(address, signal);
    return true;
  }

  async collect(): Promise<undefined> {
    return undefined;
  }

  listen(listener: PostListener): void {
    this.#listener = listener;
  }
}

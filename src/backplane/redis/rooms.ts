// The seats of all nodes, in Redis; and of the calls in which this node has somebody, a mirror here.

import { setTimeout as delay } from 'node:timers/promises';
import { CallError } from '../../errors';
import type { LeaveReason, Payload } from '../../protocol';
import type { Address, Change, Media, Newcomer, RoomStore, Seat, SeatKey, Seating } from '../../rooms';
import { MemoryRoomStore } from '../memory';
import type { RedisLink } from './link';

/** What a script answers that told this node of a change: where in the inbox, and the change. */
type Told = [id: string, body: string];
type Signal = Payload<'call:signal'>;

/**
 * What Redis says is so. Each change is made by a script, which tells it to the nodes that it concerns, this one too: in
 * the order of Redis, which is the same for all. The mirror follows it.
 *
 * While Redis is away, what the participants of this node do to their own seats is done to the mirror, and brought to
 * Redis when it is back; nobody can join.
 */
export class RedisRoomStore implements RoomStore {
  readonly #link: RedisLink;
  readonly #mirror: MemoryRoomStore;
  /** Called with what was kept for a participant of this node while it had none. */
  onMissed: (address: Address, signals: Signal[]) => void = () => undefined;

  constructor(link: RedisLink) {
    this.#link = link;
    this.#mirror = new MemoryRoomStore(() => false);
    link.on('change', (body) => this.#hear(JSON.parse(body) as Change & { missed?: Signal[] }));
  }

  listen(listener: (change: Change) => void): void {
    this.#mirror.listen(listener);
  }

  async seat(newcomer: Newcomer, capacity: number): Promise<Seating> {
    for (;;) {
      const [outcome, told] = (await this.#link.run('bcSeat', JSON.stringify(newcomer), capacity)) as [string, unknown];
      if (outcome === 'peer-id-taken' || outcome === 'full') return { outcome };
      if (outcome === 'told') {
        const change = await this.#told(told as Told);
        if (change.kind === 'confirmed') return { outcome: 'unchanged', seat: change.seat, others: change.others };
        if (change.kind === 'seated') {
          const { seat, others, replaced } = change;
          return { outcome: 'seated', seat, others, replaced };
        }
      }
      await delay(Number(told));
    }
  }

  release(key: SeatKey, reason: LeaveReason): Promise<Seat | undefined> {
    return this.#own(
      async () => (await this.#change('bcRelease', key, reason))?.seat,
      () => this.#mirror.release(key, reason),
    );
  }

  setMedia(key: SeatKey, media: Partial<Media>): Promise<{ seat: Seat; changed: boolean } | undefined> {
    return this.#own(
      async () => {
        const change = await this.#change('bcMedia', key, JSON.stringify(media));
        return change && { seat: change.seat, changed: 'kind' in change };
      },
      () => this.#mirror.setMedia(key, media),
    );
  }

  hold(key: SeatKey, until: number): Promise<Seat | undefined> {
    return this.#own(
      async () => (await this.#change('bcMove', key, key.address, until))?.seat,
      () => this.#mirror.hold(key, until),
    );
  }

  resume(key: SeatKey): Promise<Seat | undefined> {
    return this.#own(
      async () => (await this.#change('bcResume', key))?.seat,
      () => this.#mirror.resume(key),
    );
  }

  async move(key: SeatKey, address: Address, until: number): Promise<Seat | undefined> {
    return (await this.#change('bcMove', key, address, until))?.seat;
  }

  async expire(asOf: number): Promise<Seat[]> {
    return this.#own(
      async () => {
        // Who comes back together with Redis is given the time to say so.
        if (!this.#link.mayExpire) return [];
        const freed = (await this.#link.run('bcExpire', asOf)) as Told[];
        return Promise.all(freed.map(async (told) => (await this.#told(told)).seat));
      },
      () => this.#mirror.expire(asOf),
    );
  }

  find(meetingId: string, userId: string): Seat | undefined {
    return this.#mirror.find(meetingId, userId);
  }

  /** Waits for Redis: whoever comes with a ticket has a seat to lose. */
  async holder(ticket: string): Promise<Seat | undefined> {
    await this.#link.up();
    const json = (await this.#link.run('bcHolder', ticket)) as string | null;
    return json === null ? undefined : (JSON.parse(json) as Seat);
  }

  roster(meetingId: string): Promise<Seat[]> {
    return this.#own(
      async () => (await this.#roster(meetingId)).seats,
      () => {
        if (!this.#isMirrored(meetingId)) throw new CallError('UNAVAILABLE');
        return this.#mirror.roster(meetingId);
      },
    );
  }

  async claims(peerId: string): Promise<Seat[]> {
    const seats = (await this.#link.run('bcClaims', peerId)) as string[];
    return seats.map((json) => JSON.parse(json) as Seat);
  }

  async count(): Promise<{ calls: number; participants: number }> {
    const [calls = 0, participants = 0] = (await this.#link.run('bcCount')) as number[];
    return { calls, participants };
  }

  /** The seats of this node's own participants. */
  own(): Seat[] {
    return this.#mirror.all().filter((seat) => this.#isOwn(seat));
  }

  /**
   * Compares the mirror with Redis, after it may have missed something, and tells what turns out to be different. Whom it
   * does not find there, is gone only if every other node `isComplete`: has brought back what it has.
   */
  async compare(isComplete: boolean): Promise<void> {
    for (const meetingId of new Set(this.own().map(({ meetingId }) => meetingId))) {
      const { seats, mark } = await this.#roster(meetingId);
      await this.#link.reached(mark);
      const present = new Map(seats.map((seat) => [seat.userId, seat]));
      for (const seat of this.#mirror.seatsOf(meetingId)) {
        const now = present.get(seat.userId);
        if (now?.address === seat.address) present.delete(seat.userId);
        else if (!now && isComplete) this.#hear({ kind: 'freed', seat, reason: 'lost' });
      }
      for (const seat of present.values()) {
        const others = seats.filter(({ userId }) => userId !== seat.userId);
        this.#hear({ kind: 'seated', seat, others, replaced: this.find(meetingId, seat.userId) });
      }
    }
  }

  /** Notes what a peer of this node does while Redis is away. */
  notePeer(peerId: string, online: boolean): void {
    this.#mirror.notePeer(peerId, online);
  }

  /** What only this node can do to the seats that it has: without Redis too, until that is back. */
  async #own<T>(inRedis: () => Promise<T>, inMirror: () => Promise<T>): Promise<T> {
    if (!this.#link.isUp) return inMirror();
    try {
      return await inRedis();
    } catch (error) {
      if (error instanceof CallError && error.code === 'UNAVAILABLE') return inMirror();
      throw error;
    }
  }

  async #roster(meetingId: string): Promise<{ mark: string; seats: Seat[] }> {
    const [mark, seats] = (await this.#link.run('bcRoster', meetingId)) as [string, string[]];
    return { mark, seats: seats.map((json) => JSON.parse(json) as Seat) };
  }

  async #change(
    script: 'bcRelease' | 'bcMedia' | 'bcMove' | 'bcResume',
    { meetingId, userId, address }: SeatKey,
    ...args: (string | number)[]
  ): Promise<Change | undefined> {
    const told = (await this.#link.run(script, meetingId, userId, address, ...args)) as Told | null;
    return told ? this.#told(told) : undefined;
  }

  /** Settles when this node was told, too. */
  async #told([id, body]: Told): Promise<Change> {
    await this.#link.reached(id);
    return JSON.parse(body) as Change;
  }

  /** Follows what Redis says, and passes on what is news. */
  #hear({ missed, ...heard }: Change & { missed?: Signal[] }): void {
    const change = heard;
    const { kind, seat } = change;
    const known = this.find(seat.meetingId, seat.userId);
    if ('others' in change && !this.#isMirrored(seat.meetingId)) this.#mirror.fill(change.others);
    if (isNews(change, known)) this.#mirror.apply(change);
    else if (kind === 'seated') this.#mirror.fill([seat]);
    if (missed && this.#isOwn(seat)) this.onMissed(seat.address, missed);
    if (!this.#isMirrored(seat.meetingId)) this.#mirror.drop(seat.meetingId);
  }

  /** Whether somebody of this node is in the call. */
  #isMirrored(meetingId: string): boolean {
    return this.#mirror.seatsOf(meetingId).some((seat) => this.#isOwn(seat));
  }

  #isOwn({ address }: Seat): boolean {
    return address.startsWith(`${this.#link.node}/`);
  }
}

/** Whether the mirror does not show it yet. It may: what was done without Redis, was told here at once. */
function isNews(change: Change, known: Seat | undefined): boolean {
  const { kind, seat } = change;
  switch (kind) {
    case 'seated':
      return known?.address !== seat.address || known.joinedAt !== seat.joinedAt || known.peerId !== seat.peerId;
    case 'held':
      return known?.heldUntil === undefined || known.address !== seat.address;
    case 'resumed':
      return known?.heldUntil !== undefined;
    case 'freed':
      return known?.address === seat.address;
    case 'media':
    case 'peer':
      return known?.address === seat.address;
    case 'confirmed':
      return true;
  }
}

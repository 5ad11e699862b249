// The seats of all nodes, in Redis; and of the calls in which this node has somebody, a mirror here.

import { setTimeout as delay } from 'node:timers/promises';
import { CallError } from '../../errors';
import type { LeaveReason, Payload } from '../../protocol';
import type { Address, Change, Media, Moved, Newcomer, RoomStore, Seat, SeatKey, Seating } from '../../rooms';
import { MemoryRoomStore } from '../memory';
import { unavailable, type RedisLink } from './link';

/** What a script answers that told this node of a change: where in the inbox, and the change. */
type Told = [id: string, body: string];
type Signal = Payload<'call:signal'>;
/** A change as it stands in the inbox; `missed` are the signals for who moved here from a node that is gone. */
type Heard = Change & { version: number; missed?: Signal[] };

interface Roster {
  meetingId: string;
  isComplete: boolean;
  seats: Seat[];
}

/** How often it is looked whether the nodes have brought back what Redis lost. */
const RETRY_MS = 250;

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
  version = 0;
  /** Who left this node while Redis was away: why, it is told when it is back. */
  readonly departures: (Pick<Seat, 'meetingId' | 'userId'> & { reason: LeaveReason })[] = [];
  /** Called with what was kept for a participant of this node while it had none. */
  onMissed: (address: Address, signals: Signal[]) => void = () => undefined;

  constructor(link: RedisLink) {
    this.#link = link;
    this.#mirror = new MemoryRoomStore(() => undefined);
    link.on('change', (body) => {
      const heard = JSON.parse(body) as Heard;
      this.version = heard.version;
      this.#hear(heard);
    });
    link.on('entered', () => this.departures.splice(0));
    link.on('roster', (body) => this.#compare(JSON.parse(body) as Roster));
  }

  listen(listener: (change: Change) => void): void {
    this.#mirror.listen(listener);
  }

  async seat(newcomer: Newcomer, capacity: number): Promise<Seating> {
    for (;;) {
      const [outcome, told] = (await this.#link.run('bcSeat', JSON.stringify(newcomer), capacity)) as [string, unknown];
      if (outcome === 'peer-id-taken' || outcome === 'gone' || outcome === 'full') return { outcome };
      if (outcome === 'told') {
        const change = await this.#told(told as Told);
        if (change.kind === 'confirmed') return { outcome: 'unchanged', seat: change.seat, others: change.others };
        if (change.kind === 'seated') {
          const { seat, others, replaced } = change;
          return { outcome: 'seated', seat, others, replaced };
        }
      }
      await delay(Math.min(Number(told), RETRY_MS));
    }
  }

  release(key: SeatKey, reason: LeaveReason): Promise<Seat | undefined> {
    return this.#own(
      async () => (await this.#change('bcRelease', key, reason))?.seat,
      () => {
        this.departures.push({ meetingId: key.meetingId, userId: key.userId, reason });
        return this.#mirror.release(key, reason);
      },
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

  rename(key: SeatKey, username: string): Promise<{ seat: Seat; changed: boolean } | undefined> {
    return this.#own(
      async () => {
        const change = await this.#change('bcRename', key, username);
        return change && { seat: change.seat, changed: 'kind' in change };
      },
      () => this.#mirror.rename(key, username),
    );
  }

  hold(key: SeatKey, until: number): Promise<Seat | undefined> {
    return this.#own(
      async () => (await this.#change('bcMove', key, key.address, until))?.seat,
      () => this.#mirror.hold(key, until),
    );
  }

  resume(key: SeatKey, network: string): Promise<Seat | undefined> {
    return this.#own(
      async () => (await this.#change('bcResume', key, network))?.seat,
      () => this.#mirror.resume(key, network),
    );
  }

  async move(key: SeatKey, address: Address, until: number): Promise<Moved | undefined> {
    return (await this.#change('bcMove', key, address, until)) as Extract<Change, { kind: 'held' }> | undefined;
  }

  async expire(asOf: number): Promise<Seat[]> {
    return this.#own(
      async () => {
        // Who comes back together with Redis is given the time to say so.
        if (!this.#link.mayExpire) return [];
        const freed = (await this.#link.run('bcExpire', asOf)) as Told[];
        return Promise.all(freed.map(async (told) => (await this.#told(told)).seat));
      },
      async () => {
        // Others may come back on nodes that cannot tell us.
        const due = this.own().filter(({ heldUntil = Infinity }) => heldUntil <= asOf);
        for (const seat of due) await this.#mirror.release(seat, 'lost');
        return due;
      },
    );
  }

  find(meetingId: string, userId: string): Seat | undefined {
    return this.#mirror.find(meetingId, userId);
  }

  seatsOf(meetingId: string): Seat[] {
    return this.#mirror.seatsOf(meetingId);
  }

  /** Waits for Redis: whoever comes with a ticket has a seat to lose. */
  async holder(ticket: string): Promise<Seat | undefined> {
    for (;;) {
      await this.#link.up();
      const found = (await this.#link.run('bcHolder', ticket)) as string | number;
      if (typeof found === 'string') return JSON.parse(found) as Seat;
      if (found === 0) return undefined;
      await delay(Math.min(found, RETRY_MS));
    }
  }

  roster(meetingId: string): Promise<Seat[]> {
    return this.#own(
      async () => {
        const seats = (await this.#link.run('bcRoster', meetingId)) as string[];
        return seats.map((json) => JSON.parse(json) as Seat);
      },
      () => {
        if (!this.#isMirrored(meetingId)) throw unavailable();
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

  /** Has Redis say who is in the calls of this node, after it may have missed something. */
  async compare(isComplete: boolean): Promise<void> {
    for (const meetingId of new Set(this.own().map((seat) => seat.meetingId)))
      await this.#link.run('bcCompare', meetingId, String(isComplete));
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

  async #change(
    script: 'bcRelease' | 'bcMedia' | 'bcRename' | 'bcMove' | 'bcResume',
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
  #hear({ missed, ...heard }: Change & Pick<Heard, 'missed'>): void {
    const change = heard;
    const { kind, seat } = change;
    const known = this.find(seat.meetingId, seat.userId);
    if ('others' in change && !this.#isMirrored(seat.meetingId)) this.#mirror.fill(change.others);
    if (kind === 'seated' && known && isSame(known, seat))
      for (const news of differences(known, change)) this.#mirror.apply(news);
    else if (isNews(change, known)) this.#mirror.apply(change);
    if (missed && this.#isOwn(seat)) this.onMissed(seat.address, missed);
    if (!this.#isMirrored(seat.meetingId)) this.#mirror.drop(seat.meetingId);
  }

  /** Whether somebody of this node is in the call. */
  #isMirrored(meetingId: string): boolean {
    return this.#mirror.seatsOf(meetingId).some((seat) => this.#isOwn(seat));
  }

  /**
   * Tells what is different from what was told here. Who is not there is gone only when every other living node has
   * entered: has brought back whom it has.
   */
  #compare({ meetingId, isComplete, seats }: Roster): void {
    const present = new Set(seats.map(({ userId }) => userId));
    for (const seat of this.#mirror.seatsOf(meetingId))
      if (isComplete && !present.has(seat.userId)) this.#hear({ kind: 'freed', seat, reason: 'lost' });
    for (const seat of seats) {
      const others = seats.filter(({ userId }) => userId !== seat.userId);
      this.#hear({ kind: 'seated', seat, others, replaced: this.find(meetingId, seat.userId) });
    }
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
    case 'confirmed':
      return true;
    case 'held':
      // Whom this node does not know, comes to it by this; or has left it already.
      if (!known) return change.before.address !== seat.address;
      return known.heldUntil === undefined || known.address !== seat.address;
    case 'resumed':
      return known?.heldUntil !== undefined;
    case 'freed':
    case 'media':
    case 'renamed':
    case 'peer':
      return known?.address === seat.address;
  }
}

/** Whether it is one and the same seat, which a node brought back. */
function isSame(known: Seat, { address, peerId, joinedAt }: Seat): boolean {
  return known.address === address && known.peerId === peerId && known.joinedAt === joinedAt;
}

/** What became of a seat while its node could not tell. */
function* differences(known: Seat, { seat, others }: Extract<Change, { kind: 'seated' }>): Generator<Change> {
  const { isMuted, isVideoOn } = seat;
  if (seat.username !== known.username) yield { kind: 'renamed', seat };
  if (isMuted !== known.isMuted) yield { kind: 'media', seat, media: { isMuted } };
  if (isVideoOn !== known.isVideoOn) yield { kind: 'media', seat, media: { isVideoOn } };
  if (seat.peerOnline !== known.peerOnline) yield { kind: 'peer', seat };
  if (seat.heldUntil !== undefined && known.heldUntil === undefined)
    yield { kind: 'held', version: 0, seat, others, before: known };
  if (seat.heldUntil === undefined && known.heldUntil !== undefined) yield { kind: 'resumed', seat, others };
}

// What a participant misses while its connection is lost, and gets when it comes back.

import { randomBytes } from 'node:crypto';
import type { Namespace, Socket } from 'socket.io';
import {
  Adapter,
  type BroadcastOptions,
  type PrivateSessionId,
  type Room,
  type Session,
  type SocketId,
} from 'socket.io-adapter';
import type { Missed } from '../backplane/index';
import { jsonSize } from '../json';

type SessionToPersist = Omit<Session, 'missedPackets'>;
interface Packet {
  type: number;
  id?: number;
  data: unknown[];
}
/** A packet that was sent to a room, and to whom of it not. */
interface Sent {
  offset: number;
  at: number;
  bytes: number;
  data: unknown[];
  except: ReadonlySet<SocketId>;
}
/** A session's time on this node. It begins here or on another one, and may go on on another one. */
interface Stay {
  pid: PrivateSessionId;
  /** While its connection is lost: what it comes back to, and until when it may. */
  lost?: (SessionToPersist & { until: number }) | undefined;
  /** After which packet it joined a room: what was said there before, is not for it. */
  joinedAfter: number;
  /** What it missed, until the connection stands on which it is told. */
  missed?: unknown[][] | undefined;
  /** It came from another node. */
  arrival?: Arrival;
  /** It went to another node: the last packet that was meant for it here. */
  lastOffset?: number;
}
interface Arrival {
  /** An offset of its own: what is heard on this stay has it, or a greater one. */
  offset: number;
  /** The version of the change by which it came. */
  move: number;
  /** Asks, once, for what was missed before. */
  collect: (lastHeard: string) => Promise<Missed>;
  missed?: Promise<Missed>;
}
/** What a client says, when it comes back, that it heard last. */
interface Heard {
  offset: number;
  /** Up to which change of all nodes it was told everything. */
  version: number;
  /** How much it heard of what it had missed on other nodes, while it did. */
  part?: number | undefined;
}
interface Memory {
  packets: Sent[];
  bytes: number;
  neededUntil: number;
}

/** Socket.IO's packet type of an event. */
const EVENT = 2;
/** What one room may keep; beyond that, the oldest is dropped. */
const MAX_BYTES_PER_ROOM = 128 * 1024;
/** No packet is deeper: signals are bounded, the rest is ours. */
const MAX_PACKET_DEPTH = 64;

export interface RecoveryOptions {
  /** How long a lost connection may come back, in milliseconds. */
  graceMs: number;
  /** How long a connection may be dead before it is noticed, in milliseconds: what was sent meanwhile is missed too. */
  noticeMs: number;
  /** Looks on other nodes for a session that is not known here: to {@link RecoveryAdapter.adopt} it, if there is one. */
  fetch?: (nsp: Namespace, pid: PrivateSessionId) => Promise<void>;
  /** Up to which change of all nodes everybody here was told. */
  version?: () => number;
}

/**
 * Socket.IO's connection state recovery, made to hold for a call. It differs from the adapter that Socket.IO brings:
 *
 * - A call in which nothing was said for a minute recovers too. Offsets are numbers that grow, so that an offset need
 *   not be found among the kept packets to tell which of them came after it.
 * - A client that returns before its old connection is found dead (it changed networks) is recovered at once, and the
 *   old connection ends.
 * - One noisy room cannot push out what others missed: each has its own memory, bounded in bytes and time.
 * - A session goes on on another node. What was said until it went is told by the one, what was said since by the other.
 * - {@link delSockets} reaches connections that are away: who lost the seat while away does not come back into the room.
 */
export class RecoveryAdapter extends Adapter {
  declare readonly nsp: Namespace;
  readonly #options: RecoveryOptions;
  readonly #clock: () => number;
  readonly #stays = new Map<SocketId, Stay>();
  readonly #sids = new Map<PrivateSessionId, SocketId>();
  /** The stays that ended, each under the move by which it did, until the other node asks. */
  readonly #ended = new Map<string, Stay>();
  /** The latest connection that asks for a session: the ones before it were given up. */
  readonly #returning = new Map<PrivateSessionId, symbol>();
  readonly #memories = new Map<Room, Memory>();
  readonly #sweeper: NodeJS.Timeout;
  /** Tells our offsets from those of other nodes, and of other times. */
  readonly #tag = randomBytes(4).toString('base64url');
  #lastOffset = 0;

  constructor(nsp: Namespace, options: RecoveryOptions, clock: () => number = Date.now) {
    super(nsp);
    this.#options = options;
    this.#clock = clock;
    nsp.on('connection', ({ id }) => {
      for (const data of this.takeMissed(id)) super.broadcast({ type: EVENT, data }, toOne(id));
    });
    this.#sweeper = setInterval(() => this.sweep(), options.noticeMs + options.graceMs).unref();
  }

  override close(): void {
    clearInterval(this.#sweeper);
  }

  override addAll(id: SocketId, rooms: Set<Room>): void {
    const isNew = [...rooms].some((room) => !this.rooms.get(room)?.has(id));
    void super.addAll(id, rooms);
    // A socket joins the room of its own name when it is connected, and a recovered one is then back for good.
    const socket = rooms.has(id) ? this.nsp.sockets.get(id) : undefined;
    if (socket) return void (this.#stayOf(id, privateIdOf(socket)).lost = undefined);
    const stay = this.#stays.get(id);
    // Whoever comes back has been in its rooms all the while.
    if (stay && !stay.lost && isNew) stay.joinedAfter = this.#lastOffset;
  }

  override delAll(id: SocketId): void {
    super.delAll(id);
    const stay = this.#stays.get(id);
    if (stay && !stay.lost) this.#forget(id, stay);
  }

  override broadcast(packet: Packet, options: BroadcastOptions): void {
    const { rooms, except = new Set(), flags } = options;
    const inUse = [...rooms].filter((room) => this.rooms.has(room) || this.#memories.has(room));
    if (rooms.size > 0 && inUse.length === 0) return;
    if (packet.type === EVENT && packet.id === undefined && !flags?.volatile) {
      const offset = (this.#lastOffset += 1);
      const bytes = jsonSize(packet.data, MAX_PACKET_DEPTH);
      // The client sends back the last string argument it saw as its offset.
      packet.data.push(this.#format({ offset, version: this.#options.version?.() ?? 0 }));
      const sent = { offset, at: this.#clock(), bytes, data: packet.data, except };
      for (const room of inUse) this.#keep(room, sent);
    }
    super.broadcast(packet, options);
  }

  override persistSession(session: SessionToPersist): void {
    const until = this.#clock() + this.#options.graceMs;
    this.#stayOf(session.sid, session.pid).lost = { ...session, until };
    for (const room of session.rooms) this.#keepUntil(room, until);
  }

  override async restoreSession(pid: PrivateSessionId, lastHeard: string): Promise<Session> {
    const connection = Symbol();
    this.#returning.set(pid, connection);
    try {
      const session = await this.#restore(pid, lastHeard, () => this.#returning.get(pid) === connection);
      // What Socket.IO understands as "not recovered".
      return session ?? (null as unknown as Session);
    } finally {
      if (this.#returning.get(pid) === connection) this.#returning.delete(pid);
    }
  }

  async #restore(pid: PrivateSessionId, lastHeard: string, isLatest: () => boolean): Promise<Session | undefined> {
    if (!this.#sids.has(pid)) await this.#options.fetch?.(this.nsp, pid);
    const sid = this.#sids.get(pid);
    const stay = sid === undefined ? undefined : this.#stays.get(sid);
    if (sid === undefined || !stay) return undefined;
    this.#hangUp(sid);
    const missed = await this.#missed(sid, stay, lastHeard);
    // Meanwhile it may have run out, gone to another node, or come back on a later connection.
    const isStill = isLatest() && this.#stays.get(sid) === stay && stay.lost && stay.lost.until >= this.#clock();
    if (!missed || !isStill) return undefined;
    stay.missed = missed;
    return { ...stay.lost, missedPackets: [] } as Session;
  }

  /**
   * What a restored session missed, once: to be told when its connection stands. Socket.IO would tell it before: a client
   * that loses the connection in between keeps what came for its next one, and hears it there twice.
   */
  takeMissed(sid: SocketId): unknown[][] {
    const stay = this.#stays.get(sid);
    const missed = stay?.missed ?? [];
    if (stay) stay.missed = undefined;
    return missed;
  }

  /** Puts a lost connection into one more room, as if it had joined it before. */
  enterAway(sid: SocketId, room: Room): void {
    const stay = this.#stays.get(sid);
    if (!stay?.lost) return;
    stay.lost.rooms = [...stay.lost.rooms, room];
    stay.joinedAfter = this.#lastOffset;
    this.#keepUntil(room, stay.lost.until);
  }

  /**
   * A session that was on another node until now: what is said to it from here on, is kept for it here. `collect` gets
   * what it missed before.
   */
  adopt(session: SessionToPersist, move: number, collect: Arrival['collect']): void {
    const arrival = { offset: (this.#lastOffset += 1), move, collect };
    this.#stays.set(session.sid, { pid: session.pid, joinedAfter: 0, arrival });
    this.persistSession(session);
  }

  /** Ends a stay of a session that goes on on another node: what is said from here on, is not for it. */
  detach(sid: SocketId, move: number): void {
    this.#hangUp(sid);
    const stay = this.#stays.get(sid);
    if (!stay?.lost) return;
    this.#forget(sid, stay);
    this.#ended.set(nameOf(sid, move), { ...stay, lastOffset: this.#lastOffset });
  }

  /** What a session missed that went by this move; undefined if nothing is known of it any more. */
  async handOver(sid: SocketId, move: number, lastHeard: string): Promise<Missed | undefined> {
    const stay = this.#ended.get(nameOf(sid, move));
    this.#ended.delete(nameOf(sid, move));
    const missed = stay && (await this.#missed(sid, stay, lastHeard));
    return missed?.map((data) => data.slice(0, -1));
  }

  override delSockets(options: BroadcastOptions, rooms: Room[]): void {
    super.delSockets(options, rooms);
    for (const sid of options.rooms) {
      const lost = this.#stays.get(sid)?.lost;
      if (lost) lost.rooms = lost.rooms.filter((room) => !rooms.includes(room));
    }
  }

  /** Drops what nobody can ask for any more. */
  sweep(): void {
    const now = this.#clock();
    const isOver = ({ lost }: Stay) => lost && lost.until < now;
    for (const [sid, stay] of this.#stays) if (isOver(stay)) this.#forget(sid, stay);
    for (const [name, stay] of this.#ended) if (isOver(stay)) this.#ended.delete(name);
    for (const [room, memory] of this.#memories) {
      this.#trim(memory, now);
      if (memory.neededUntil < now) this.#memories.delete(room);
    }
  }

  /** Ends a connection that looks alive, though its client is connected elsewhere. That persists its session. */
  #hangUp(sid: SocketId): void {
    this.nsp.sockets.get(sid)?.conn.close(true);
  }

  #stayOf(sid: SocketId, pid: PrivateSessionId): Stay {
    const stay = this.#stays.get(sid) ?? { pid, joinedAfter: 0 };
    this.#stays.set(sid, stay);
    this.#sids.set(pid, sid);
    return stay;
  }

  #forget(sid: SocketId, { pid }: Stay): void {
    this.#stays.delete(sid);
    this.#sids.delete(pid);
  }

  /** What was said to a session after what it heard last, in order; undefined if nobody knows that. */
  async #missed(sid: SocketId, stay: Stay, lastHeard: string): Promise<unknown[][] | undefined> {
    const { arrival } = stay;
    const heard = this.#parse(lastHeard);
    const isOfThisStay = heard && heard.offset >= (arrival?.offset ?? 0);
    const seen = isOfThisStay ? heard.offset : arrival?.offset;
    if (seen === undefined) return undefined;
    const before = seen === arrival?.offset ? await this.#missedBefore(arrival, lastHeard) : [];
    const { lost, joinedAfter, lastOffset = Infinity } = stay;
    const packets = new Map<number, Sent>();
    for (const room of lost?.rooms ?? []) {
      const after = room === sid ? seen : Math.max(seen, joinedAfter);
      for (const packet of this.#memories.get(room)?.packets ?? [])
        if (packet.offset > after && packet.offset <= lastOffset && !packet.except.has(sid))
          packets.set(packet.offset, packet);
    }
    const inOrder = [...packets.values()].sort((a, b) => a.offset - b.offset).map(({ data }) => data);
    return [...before.slice(isOfThisStay ? heard.part : 0), ...inOrder];
  }

  /** What was said on other nodes. Each packet says how much of that is heard with it. */
  async #missedBefore(arrival: Arrival, lastHeard: string): Promise<unknown[][]> {
    const { offset, move } = arrival;
    const missed = await (arrival.missed ??= arrival.collect(lastHeard));
    return missed.map((data, index) => {
      const part = index + 1;
      const version = part === missed.length ? move : versionOf(lastHeard);
      return [...data, this.#format({ offset, version, part })];
    });
  }

  #format({ offset, version, part }: Heard): string {
    const heard = `${this.#tag}:${offset}:${version}`;
    return part === undefined ? heard : `${heard}:${part}`;
  }

  /** What was heard here; undefined if it was on another node. */
  #parse(lastHeard: string): Heard | undefined {
    const [tag, ...numbers] = lastHeard.split(':');
    const [offset = NaN, version = 0, part] = numbers.map(Number);
    return tag === this.#tag && Number.isSafeInteger(offset) ? { offset, version, part } : undefined;
  }

  #memoryOf(room: Room): Memory {
    const memory = this.#memories.get(room) ?? { packets: [], bytes: 0, neededUntil: 0 };
    this.#memories.set(room, memory);
    return memory;
  }

  #keepUntil(room: Room, until: number): void {
    const memory = this.#memoryOf(room);
    memory.neededUntil = Math.max(memory.neededUntil, until);
  }

  #keep(room: Room, packet: Sent): void {
    const memory = this.#memoryOf(room);
    memory.packets.push(packet);
    memory.bytes += packet.bytes;
    memory.neededUntil = packet.at + this.#options.graceMs + this.#options.noticeMs;
    this.#trim(memory, packet.at);
  }

  #trim(memory: Memory, now: number): void {
    const oldest = now - this.#options.graceMs - this.#options.noticeMs;
    const { packets } = memory;
    for (let first = packets[0]; first; first = packets[0]) {
      if (first.at >= oldest && memory.bytes <= MAX_BYTES_PER_ROOM) break;
      memory.bytes -= first.bytes;
      packets.shift();
    }
  }
}

/** The adapter in the form in which Socket.IO takes one: a class of a namespace alone. */
export function recoveryAdapter(options: RecoveryOptions): typeof Adapter {
  return class extends RecoveryAdapter {
    constructor(namespace: Namespace) {
      super(namespace, options);
    }
  };
}

const toOne = (sid: SocketId): BroadcastOptions => ({ rooms: new Set([sid]), except: new Set() });

const nameOf = (sid: SocketId, move: number) => `${sid} ${move}`;

/** Up to which change a client was told everything, by what it says it heard last. */
export const versionOf = (lastHeard: string): number => Number(lastHeard.split(':')[2] ?? 0) || 0;

/** The id by which a client asks for recovery, known to it alone. Socket.IO sends it, and types it as private. */
export function privateIdOf(socket: Socket): PrivateSessionId {
  return (socket as unknown as { pid: PrivateSessionId }).pid;
}

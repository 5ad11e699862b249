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
/** A session of a connection that is lost. */
type Away = SessionToPersist & {
  until: number;
  /** It goes on on another node: the last packet that was meant for it here. */
  lastOffset?: number;
};
/** How a session from another node goes on here: what was missed there, and after which packet it is ours. */
interface Adopted {
  missed: Promise<Missed>;
  informed: (missed: Missed) => void;
  firstOffset: number;
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
  fetch?: (adapter: RecoveryAdapter, pid: PrivateSessionId, lastHeard: string) => Promise<void>;
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
  readonly #away = new Map<SocketId, Away>();
  readonly #adopted = new Map<SocketId, Adopted>();
  /** After which packet a connection joined a room: what was said there before, is not for it. */
  readonly #joinedAfter = new Map<SocketId, number>();
  readonly #sids = new Map<PrivateSessionId, SocketId>();
  readonly #memories = new Map<Room, Memory>();
  readonly #sweeper: NodeJS.Timeout;
  /** Tells our offsets from those of other nodes, and of other times. */
  readonly #tag = `${randomBytes(4).toString('base64url')}:`;
  #lastOffset = 0;

  constructor(nsp: Namespace, options: RecoveryOptions, clock: () => number = Date.now) {
    super(nsp);
    this.#options = options;
    this.#clock = clock;
    this.#sweeper = setInterval(() => this.sweep(), options.noticeMs + options.graceMs).unref();
  }

  override close(): void {
    clearInterval(this.#sweeper);
  }

  override addAll(id: SocketId, rooms: Set<Room>): void {
    void super.addAll(id, rooms);
    // Whoever comes back has been in its rooms all the while.
    if (!rooms.has(id) && !this.#away.has(id)) this.#joinedAfter.set(id, this.#lastOffset);
    // A socket joins the room of its own name when it is connected, and a recovered one is then back for good.
    const socket = rooms.has(id) ? this.nsp.sockets.get(id) : undefined;
    if (!socket) return;
    this.#sids.set(privateIdOf(socket), id);
    this.#away.delete(id);
  }

  override delAll(id: SocketId): void {
    super.delAll(id);
    const socket = this.nsp.sockets.get(id);
    if (socket && !this.#away.has(id)) this.#forget(id, privateIdOf(socket));
  }

  override broadcast(packet: Packet, options: BroadcastOptions): void {
    const { rooms, except = new Set(), flags } = options;
    const inUse = [...rooms].filter((room) => this.rooms.has(room) || this.#memories.has(room));
    if (rooms.size > 0 && inUse.length === 0) return;
    if (packet.type === EVENT && packet.id === undefined && !flags?.volatile) {
      const offset = (this.#lastOffset += 1);
      const bytes = jsonSize(packet.data, MAX_PACKET_DEPTH);
      // The client sends back the last string argument it saw as its offset.
      packet.data.push(this.#offsetOf(offset));
      const sent = { offset, at: this.#clock(), bytes, data: packet.data, except };
      for (const room of inUse) this.#keep(room, sent);
    }
    super.broadcast(packet, options);
  }

  override persistSession(session: SessionToPersist): void {
    const until = this.#clock() + this.#options.graceMs;
    this.#away.set(session.sid, { ...session, until });
    this.#sids.set(session.pid, session.sid);
    for (const room of session.rooms) {
      const memory = this.#memoryOf(room);
      memory.neededUntil = Math.max(memory.neededUntil, until);
    }
  }

  override async restoreSession(pid: PrivateSessionId, lastHeard: string): Promise<Session> {
    if (!this.#sids.has(pid)) await this.#options.fetch?.(this, pid, lastHeard);
    const sid = this.#sids.get(pid);
    if (sid !== undefined) this.#hangUp(sid);
    const session = sid === undefined ? undefined : this.#away.get(sid);
    const isHere = () => session && session.until >= this.#clock() && session.lastOffset === undefined;
    const missedPackets = session && isHere() ? await this.#missed(session, lastHeard) : undefined;
    // What Socket.IO understands as "not recovered". It may have gone elsewhere meanwhile.
    if (!missedPackets || !isHere()) return null as unknown as Session;
    return { ...session, missedPackets } as Session;
  }

  /** Puts a lost connection into one more room, as if it had joined it before. */
  enterAway(sid: SocketId, room: Room): void {
    const session = this.#away.get(sid);
    if (!session) return;
    session.rooms = [...session.rooms, room];
    this.#memoryOf(room).neededUntil = Math.max(this.#memoryOf(room).neededUntil, session.until);
    this.#joinedAfter.set(sid, this.#lastOffset);
  }

  /** A session that was on another node until now: what is said to it from here on, is kept for it here. */
  adopt(session: SessionToPersist): void {
    let informed: Adopted['informed'] = () => undefined;
    const missed = new Promise<Missed>((resolve) => (informed = resolve));
    // It came, went and comes again: nobody waits for what it missed the first time.
    this.#adopted.get(session.sid)?.informed([]);
    this.#adopted.set(session.sid, { missed, informed, firstOffset: this.#lastOffset });
    this.persistSession(session);
  }

  /** How to say what a session that was just adopted missed on the other node. */
  adoption(sid: SocketId): (missed: Missed) => void {
    return this.#adopted.get(sid)?.informed ?? (() => undefined);
  }

  /** Ends a session here that goes on on another node: what is said from here on, is not for it. */
  detach(sid: SocketId): void {
    this.#hangUp(sid);
    const session = this.#away.get(sid);
    if (session) session.lastOffset = this.#lastOffset;
  }

  /** What a detached session missed here; undefined if nothing is known of it any more. */
  async handOver(sid: SocketId, lastHeard: string): Promise<Missed | undefined> {
    const session = this.#away.get(sid);
    if (session?.lastOffset === undefined) return undefined;
    const missed = await this.#missed(session, lastHeard);
    // It may be back here by now.
    if (this.#away.get(sid) === session) {
      this.#away.delete(sid);
      this.#forget(sid, session.pid);
    }
    return missed?.map((data) => data.slice(0, -1));
  }

  override delSockets(options: BroadcastOptions, rooms: Room[]): void {
    super.delSockets(options, rooms);
    for (const sid of options.rooms) {
      const session = this.#away.get(sid);
      if (session) session.rooms = session.rooms.filter((room) => !rooms.includes(room));
    }
  }

  /** Drops what nobody can ask for any more. */
  sweep(): void {
    const now = this.#clock();
    for (const [sid, { pid, until }] of this.#away) {
      if (until >= now) continue;
      this.#away.delete(sid);
      if (!this.nsp.sockets.has(sid)) this.#forget(sid, pid);
    }
    for (const [room, memory] of this.#memories) {
      this.#trim(memory, now);
      if (memory.neededUntil < now) this.#memories.delete(room);
    }
  }

  /** Ends a connection that looks alive, though its client is connected elsewhere. That persists its session. */
  #hangUp(sid: SocketId): void {
    this.nsp.sockets.get(sid)?.conn.close(true);
  }

  #forget(sid: SocketId, pid: PrivateSessionId): void {
    this.#sids.delete(pid);
    this.#adopted.get(sid)?.informed([]);
    this.#adopted.delete(sid);
    this.#joinedAfter.delete(sid);
  }

  /** What was said to a session after what it heard last, in order; undefined if nobody knows that. */
  async #missed(session: Away, lastHeard: string): Promise<unknown[][] | undefined> {
    const adopted = this.#adopted.get(session.sid);
    const isOurs = lastHeard.startsWith(this.#tag);
    const seen = isOurs ? Number(lastHeard.split(':')[1]) : adopted?.firstOffset;
    if (seen === undefined || !Number.isSafeInteger(seen)) return undefined;
    const before = isOurs ? [] : await adopted?.missed;
    const packets = new Map<number, Sent>();
    for (const room of session.rooms) {
      const after = room === session.sid ? seen : Math.max(seen, this.#joinedAfter.get(session.sid) ?? 0);
      for (const packet of this.#memories.get(room)?.packets ?? [])
        if (
          packet.offset > after &&
          packet.offset <= (session.lastOffset ?? Infinity) &&
          !packet.except.has(session.sid)
        )
          packets.set(packet.offset, packet);
    }
    const inOrder = [...packets.values()].sort((a, b) => a.offset - b.offset).map(({ data }) => data);
    return [...(before ?? []).map((data) => [...data, this.#offsetOf(seen)]), ...inOrder];
  }

  /** What the client says, when it comes back, that it heard last: whose, which, and what it knew by then. */
  #offsetOf(offset: number): string {
    return `${this.#tag}${offset}:${this.#options.version?.() ?? 0}`;
  }

  #memoryOf(room: Room): Memory {
    const memory = this.#memories.get(room) ?? { packets: [], bytes: 0, neededUntil: 0 };
    this.#memories.set(room, memory);
    return memory;
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

/** Up to which change a client was told everything, by what it says it heard last. */
export const versionOf = (lastHeard: string): number => Number(lastHeard.split(':')[2] ?? 0) || 0;

/** The id by which a client asks for recovery, known to it alone. Socket.IO sends it, and types it as private. */
export function privateIdOf(socket: Socket): PrivateSessionId {
  return (socket as unknown as { pid: PrivateSessionId }).pid;
}

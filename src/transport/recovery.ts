// What a participant misses while its connection is lost, and gets when it comes back.

import {
  Adapter,
  type BroadcastOptions,
  type PrivateSessionId,
  type Room,
  type Session,
  type SocketId,
} from 'socket.io-adapter';
import { jsonSize } from '../json';
import type { Namespace, Socket } from 'socket.io';

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
}

/**
 * Socket.IO's connection state recovery, made to hold for a call. It differs from the adapter that Socket.IO brings:
 *
 * - A call in which nothing was said for a minute recovers too. Offsets are numbers that grow, so that an offset need
 *   not be found among the kept packets to tell which of them came after it.
 * - A client that returns before its old connection is found dead (it changed networks) is recovered at once, and the
 *   old connection ends.
 * - One noisy room cannot push out what others missed: each has its own memory, bounded in bytes and time.
 * - {@link delSockets} reaches connections that are away: who lost the seat while away does not come back into the room.
 */
export class RecoveryAdapter extends Adapter {
  declare readonly nsp: Namespace;
  readonly #options: RecoveryOptions;
  readonly #clock: () => number;
  readonly #away = new Map<SocketId, SessionToPersist & { until: number }>();
  readonly #sids = new Map<PrivateSessionId, SocketId>();
  readonly #memories = new Map<Room, Memory>();
  readonly #sweeper: NodeJS.Timeout;
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
    // A socket joins the room of its own name when it is connected, and a recovered one is then back for good.
    const socket = rooms.has(id) ? this.nsp.sockets.get(id) : undefined;
    if (!socket) return;
    this.#sids.set(privateIdOf(socket), id);
    this.#away.delete(id);
  }

  override delAll(id: SocketId): void {
    super.delAll(id);
    const socket = this.nsp.sockets.get(id);
    if (socket && !this.#away.has(id)) this.#sids.delete(privateIdOf(socket));
  }

  override broadcast(packet: Packet, options: BroadcastOptions): void {
    const { rooms, except = new Set(), flags } = options;
    const inUse = [...rooms].filter((room) => this.rooms.has(room) || this.#memories.has(room));
    if (rooms.size > 0 && inUse.length === 0) return;
    if (packet.type === EVENT && packet.id === undefined && !flags?.volatile) {
      const offset = (this.#lastOffset += 1);
      const bytes = jsonSize(packet.data, MAX_PACKET_DEPTH);
      // The client sends back the last string argument it saw as its offset.
      packet.data.push(String(offset));
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

  override restoreSession(pid: PrivateSessionId, offset: string): Promise<Session> {
    const sid = this.#sids.get(pid);
    // Its old connection looks alive, or else it would not be here. Closing it persists the session.
    if (sid !== undefined) this.nsp.sockets.get(sid)?.conn.close(true);
    const session = sid === undefined ? undefined : this.#away.get(sid);
    const seen = Number(offset);
    if (!session || session.until < this.#clock() || !Number.isSafeInteger(seen))
      // What Socket.IO understands as "not recovered".
      return Promise.resolve(null as unknown as Session);

    const missed = new Map<number, Sent>();
    for (const room of session.rooms)
      for (const packet of this.#memories.get(room)?.packets ?? [])
        if (packet.offset > seen && !packet.except.has(session.sid)) missed.set(packet.offset, packet);
    const inOrder = [...missed.values()].sort((a, b) => a.offset - b.offset);
    return Promise.resolve({ ...session, missedPackets: inOrder.map(({ data }) => data) });
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
      if (!this.nsp.sockets.has(sid)) this.#sids.delete(pid);
    }
    for (const [room, memory] of this.#memories) {
      this.#trim(memory, now);
      if (memory.neededUntil < now) this.#memories.delete(room);
    }
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

/** The id by which a client asks for recovery, known to it alone. Socket.IO sends it, and types it as private. */
function privateIdOf(socket: Socket): PrivateSessionId {
  return (socket as unknown as { pid: PrivateSessionId }).pid;
}

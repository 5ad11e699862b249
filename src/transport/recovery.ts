// What a participant misses while its connection is lost, and gets when it comes back.

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
import { difference } from '../difference';
import { jsonSize } from '../json';
import type { Seat } from '../rooms';
import { OffsetCodec, versionOf } from './offsets';
import { isCompleteAfter, PacketLog, type LoggedPacket, type LogSnapshot } from './packet-log';

type SessionToPersist = Omit<Session, 'missedPackets'>;
interface Packet {
  type: number;
  id?: number;
  data: unknown[];
}
/** The state of a session when its connection was lost. */
interface Loss {
  at: number;
  /** Offset of the last packet before. */
  offset: number;
  /** Per room: the packets that the client may not have received, and the roster that it knows after them. */
  logs: Map<Room, LogSnapshot>;
  rosters: Map<Room, readonly Seat[]>;
}
/** The packets that a session missed. */
interface MissedPackets {
  logged: LoggedPacket[];
  /** Events without an offset, to be sent after `logged`. They replace packets that a log dropped. */
  difference: unknown[][];
}
/** A session's time on this node. It begins here or on another one, and may go on on another one. */
interface Stay {
  pid: PrivateSessionId;
  /** While its connection is lost: what it comes back to, and until when it may. */
  lost?: (SessionToPersist & { until: number }) | undefined;
  /** After which packet it joined a room: what was said there before, is not for it. */
  joinedAfter: number;
  /** The latest losses of which it is not known whether the client received a later packet. */
  losses: Loss[];
  /** Set while a restored session is not connected yet: the packets that it missed up to an offset. */
  restored?: { packets: unknown[][]; upTo: number } | undefined;
  /** It came from another node. */
  arrival?: Arrival;
  /** It went to another node: the last packet that was meant for it here. */
  lastOffset?: number;
  /** The rosters at that moment. */
  lastRosters?: Map<Room, readonly Seat[]>;
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
/** Socket.IO's packet type of an event. */
const EVENT = 2;
/** Key of the log of packets that are sent to the whole namespace. No room has this name: rooms are prefixed. */
const NAMESPACE: Room = '';
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
  /** Returns the participants of the call whose events are sent to a room; none for other rooms. */
  rosterOf?: (room: Room) => readonly Seat[];
}

/**
 * Socket.IO's connection state recovery, made to hold for a call. It differs from the adapter that Socket.IO brings:
 *
 * - A call in which nothing was said for a minute recovers too. Offsets are numbers that grow, so that an offset need
 *   not be found among the kept packets to tell which of them came after it.
 * - A client that returns before its old connection is found dead (it changed networks) is recovered at once, and the
 *   old connection ends.
 * - Each room has its own packet log, bounded in bytes and time. A status event replaces an earlier one.
 * - A session is never recovered with a hole: if the log of a call dropped packets, the client receives the difference
 *   between the roster it knows and the current one. If its own packets were dropped, the session is not recovered.
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
  readonly #logs = new Map<Room, PacketLog>();
  readonly #sweeper: NodeJS.Timeout;
  readonly #offsets = new OffsetCodec();
  #lastOffset = 0;

  /** `clock` returns monotonic milliseconds: the wall clock may jump while a connection is lost. */
  constructor(nsp: Namespace, options: RecoveryOptions, clock: () => number = () => performance.now()) {
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
    if (socket) {
      this.#stayOf(id, privateIdOf(socket)).lost = undefined;
      return;
    }
    const stay = this.#stays.get(id);
    // Whoever comes back has been in its rooms all the while.
    if (stay && !stay.lost && isNew) stay.joinedAfter = this.#lastOffset;
  }

  override delAll(id: SocketId): void {
    super.delAll(id);
    const stay = this.#stays.get(id);
    if (!stay) return;
    if (!stay.lost) this.#forget(id, stay);
    // The connection ended before the restored session was connected. Another connection may restore it.
    stay.restored = undefined;
  }

  override broadcast(packet: Packet, options: BroadcastOptions): void {
    const { rooms, except = new Set(), flags } = options;
    const inUse = [...rooms].filter((room) => this.rooms.has(room) || this.#logs.has(room));
    if (rooms.size > 0 && inUse.length === 0) return;
    if (packet.type === EVENT && packet.id === undefined && !flags?.volatile) {
      const logged = this.#log(packet.data, except);
      for (const room of rooms.size > 0 ? inUse : [NAMESPACE]) this.#append(room, logged);
    }
    super.broadcast(packet, options);
  }

  override persistSession(session: SessionToPersist): void {
    const at = this.#clock();
    const until = at + this.#options.graceMs;
    const stay = this.#stayOf(session.sid, session.pid);
    stay.lost = { ...session, until };
    for (const room of session.rooms) this.#keepUntil(room, until);
    const calls = session.rooms.filter((room) => room !== session.sid);
    stay.losses.push({
      at,
      offset: this.#lastOffset,
      logs: new Map(calls.map((room) => [room, this.#logOf(room).snapshot()])),
      rosters: this.#rostersOf(calls, session.sid),
    });
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
    const handedOver = await this.#handedOver(stay, lastHeard);
    // Meanwhile it may have run out, gone to another node, or come back on a later connection.
    const isStill = isLatest() && this.#stays.get(sid) === stay && stay.lost && stay.lost.until >= this.#clock();
    if (!handedOver || !isStill || stay.restored) return undefined;
    const missed = this.#missed(sid, stay, lastHeard);
    if (!missed) return undefined;
    const packets = [...handedOver, ...missed.logged.map(({ data }) => data), ...this.#appendDifference(sid, missed)];
    stay.restored = { packets, upTo: this.#lastOffset };
    return { ...stay.lost, missedPackets: [] } as Session;
  }

  /**
   * What a restored session missed, once: to be told when its connection stands. Socket.IO would tell it before: a client
   * that loses the connection in between keeps what came for its next one, and hears it there twice.
   */
  takeMissed(sid: SocketId): unknown[][] {
    const stay = this.#stays.get(sid);
    const { restored } = stay ?? {};
    if (!stay || !restored) return [];
    stay.restored = undefined;
    // Socket.IO connects a restored session in a later microtask.
    const rooms = this.sids.get(sid) ?? new Set(stay.lost?.rooms);
    const later = this.#packetsOf([...rooms, NAMESPACE], sid, () => restored.upTo);
    return [...restored.packets, ...later.map(({ data }) => data)];
  }

  /** Puts a lost connection into one more room, as if it had joined it before. */
  enterAway(sid: SocketId, room: Room): void {
    const stay = this.#stays.get(sid);
    if (!stay?.lost) return;
    stay.joinedAfter = this.#lastOffset;
    stay.lost.rooms = [...stay.lost.rooms, room];
    this.#keepUntil(room, stay.lost.until);
    for (const { logs, rosters } of stay.losses) {
      logs.set(room, this.#logOf(room).snapshot());
      rosters.set(room, this.#rosterOf(room, sid));
    }
  }

  /**
   * A session that was on another node until now: what is said to it from here on, is kept for it here. `collect` gets
   * what it missed before.
   */
  adopt(session: SessionToPersist, move: number, collect: Arrival['collect']): void {
    const arrival = { offset: (this.#lastOffset += 1), move, collect };
    this.#stays.set(session.sid, { pid: session.pid, joinedAfter: 0, losses: [], arrival });
    this.persistSession(session);
  }

  /** Ends a stay of a session that goes on on another node: what is said from here on, is not for it. */
  detach(sid: SocketId, move: number): void {
    this.#hangUp(sid);
    const stay = this.#stays.get(sid);
    if (!stay?.lost) return;
    this.#forget(sid, stay);
    const lastRosters = this.#rostersOf(stay.lost.rooms, sid);
    this.#ended.set(nameOf(sid, move), { ...stay, lastOffset: this.#lastOffset, lastRosters });
  }

  /** What a session missed that went by this move; undefined if nothing is known of it any more. */
  async handOver(sid: SocketId, move: number, lastHeard: string): Promise<Missed | undefined> {
    const stay = this.#ended.get(nameOf(sid, move));
    this.#ended.delete(nameOf(sid, move));
    const handedOver = stay && (await this.#handedOver(stay, lastHeard));
    const missed = stay && this.#missed(sid, stay, lastHeard);
    if (!handedOver || !missed) return undefined;
    const withOffset = [...handedOver, ...missed.logged.map(({ data }) => data)];
    return [...withOffset.map((data) => data.slice(0, -1)), ...missed.difference];
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
    for (const { losses } of this.#stays.values())
      while ((losses[0]?.at ?? Infinity) < now - this.#keptMs) losses.shift();
    for (const [room, log] of this.#logs) {
      log.dropBefore(now - this.#keptMs);
      if (log.neededUntil < now) this.#logs.delete(room);
    }
  }

  /** Ends a connection that looks alive, though its client is connected elsewhere. That persists its session. */
  #hangUp(sid: SocketId): void {
    this.nsp.sockets.get(sid)?.conn.close(true);
  }

  #stayOf(sid: SocketId, pid: PrivateSessionId): Stay {
    const stay = this.#stays.get(sid) ?? { pid, joinedAfter: 0, losses: [] };
    this.#stays.set(sid, stay);
    this.#sids.set(pid, sid);
    return stay;
  }

  #forget(sid: SocketId, { pid }: Stay): void {
    this.#stays.delete(sid);
    this.#sids.delete(pid);
  }

  /** The packets that another node handed over and that the client did not receive; `undefined` if that is not known. */
  async #handedOver({ arrival }: Stay, lastHeard: string): Promise<unknown[][] | undefined> {
    const heard = this.#offsets.parse(lastHeard);
    if (!arrival) return heard && [];
    if (!heard || heard.offset < arrival.offset) return this.#missedBefore(arrival, lastHeard);
    return heard.offset > arrival.offset ? [] : (await this.#missedBefore(arrival, lastHeard)).slice(heard.part);
  }

  /** The packets of this node that a session missed; `undefined` if they cannot be restored completely. */
  #missed(sid: SocketId, stay: Stay, lastHeard: string): MissedPackets | undefined {
    const { lost, joinedAfter, lastOffset = Infinity, lastRosters } = stay;
    const seen = Math.max(this.#offsets.parse(lastHeard)?.offset ?? 0, stay.arrival?.offset ?? 0);
    const afterOf = (room: Room) => (room === sid || room === NAMESPACE ? seen : Math.max(seen, joinedAfter));
    const rooms = [...(lost?.rooms ?? []), NAMESPACE];
    const incomplete = rooms.filter((room) => {
      const log = this.#logs.get(room);
      return log && !isCompleteAfter(log, afterOf(room));
    });
    const loss = this.#lossAfter(stay, seen);
    if (incomplete.length === 0) {
      const logged = this.#packetsOf(rooms, sid, afterOf).filter(({ offset }) => offset <= lastOffset);
      return { logged, difference: [] };
    }
    const snapshots = incomplete.map((room) => ({ room, log: loss?.logs.get(room) }));
    if (!loss || snapshots.some(({ room, log }) => !log || !isCompleteAfter(log, afterOf(room)))) return undefined;
    const complete = this.#packetsOf(
      rooms.filter((room) => !incomplete.includes(room)),
      sid,
      afterOf,
    ).filter(({ offset }) => offset <= lastOffset);
    const before = snapshots.flatMap(({ room, log }) =>
      (log?.packets ?? []).filter(({ offset, except }) => offset > afterOf(room) && !except.has(sid)),
    );
    const logged = inOrder([...before, ...complete.filter(({ offset }) => offset <= loss.offset)]);
    const later = complete.filter(({ offset, isDifference }) => offset > loss.offset && !isDifference);
    const rosters = lastRosters ?? this.#rostersOf(incomplete, sid);
    const changes = incomplete.flatMap((room) => difference(loss.rosters.get(room) ?? [], rosters.get(room) ?? []));
    return { logged, difference: [...changes, ...later.map(({ data }) => data.slice(0, -1))] };
  }

  /** The first loss after the last packet that a client received. Earlier ones are not needed any more. */
  #lossAfter(stay: Stay, seen: number): Loss | undefined {
    const loss = stay.losses.find(({ offset }) => offset >= seen);
    stay.losses = loss ? [loss] : [];
    return loss;
  }

  /** Logs the difference as packets of the session itself, in place of an earlier difference that was not received. */
  #appendDifference(sid: SocketId, { difference }: MissedPackets): unknown[][] {
    if (difference.length === 0) return [];
    const log = this.#logOf(sid);
    const replaced = this.#stays.get(sid)?.losses[0]?.offset ?? 0;
    log.remove(({ offset }) => offset > replaced);
    return difference.map((data) => {
      const packet = { ...this.#log(data, new Set()), isDifference: true };
      this.#append(sid, packet);
      return packet.data;
    });
  }

  #packetsOf(rooms: Room[], sid: SocketId, afterOf: (room: Room) => number): LoggedPacket[] {
    const packets = rooms.flatMap((room) =>
      (this.#logs.get(room)?.packets ?? []).filter(({ offset, except }) => offset > afterOf(room) && !except.has(sid)),
    );
    return inOrder([...new Set(packets)]);
  }

  #rostersOf(rooms: Iterable<Room>, sid: SocketId): Map<Room, readonly Seat[]> {
    return new Map([...rooms].map((room) => [room, this.#rosterOf(room, sid)]));
  }

  /** The roster as a session sees it: it receives no events about its own connection. */
  #rosterOf(room: Room, sid: SocketId): readonly Seat[] {
    const asSeen = ({ heldUntil, ...seat }: Seat): Seat =>
      heldUntil === undefined || seat.address.endsWith(`#${sid}`) ? seat : { ...seat, heldUntil };
    return (this.#options.rosterOf?.(room) ?? []).map(asSeen);
  }

  /** What was said on other nodes. Each packet says how much of that is heard with it. */
  async #missedBefore(arrival: Arrival, lastHeard: string): Promise<unknown[][]> {
    const { offset, move } = arrival;
    const missed = await (arrival.missed ??= arrival.collect(lastHeard));
    return missed.map((data, index) => {
      const part = index + 1;
      const version = part === missed.length ? move : versionOf(lastHeard);
      return [...data, this.#offsets.format({ offset, version, part })];
    });
  }

  #logOf(room: Room): PacketLog {
    const log = this.#logs.get(room) ?? new PacketLog();
    this.#logs.set(room, log);
    return log;
  }

  #keepUntil(room: Room, until: number): void {
    const log = this.#logOf(room);
    log.neededUntil = Math.max(log.neededUntil, until);
  }

  /** Gives an event its offset. */
  #log(data: unknown[], except: ReadonlySet<SocketId>): LoggedPacket {
    const offset = (this.#lastOffset += 1);
    const bytes = jsonSize(data, MAX_PACKET_DEPTH);
    // The client sends back the last string argument it saw as its offset.
    data.push(this.#offsets.format({ offset, version: this.#options.version?.() ?? 0 }));
    return { offset, at: this.#clock(), bytes, data, except };
  }

  #append(room: Room, packet: LoggedPacket): void {
    const log = this.#logOf(room);
    log.append(packet);
    log.dropBefore(packet.at - this.#keptMs);
    log.neededUntil = packet.at + this.#keptMs;
  }

  /** How long a packet may be requested, in milliseconds. */
  get #keptMs(): number {
    return this.#options.graceMs + this.#options.noticeMs;
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

const inOrder = (packets: LoggedPacket[]) => packets.sort((one, other) => one.offset - other.offset);

/** The id by which a client asks for recovery, known to it alone. Socket.IO sends it, and types it as private. */
export function privateIdOf(socket: Socket): PrivateSessionId {
  return (socket as unknown as { pid: PrivateSessionId }).pid;
}

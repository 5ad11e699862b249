// The signaling door: takes a client's event, asks the rooms, answers, and tells the others.

import type { Server as EngineServer, Socket as Connection } from 'engine.io';
import { Server } from 'socket.io';
import type { Post } from '../backplane/index';
import type { Config } from '../config';
import { PING } from '../doors';
import { isoNow } from '../difference';
import { participantEvent } from '../difference';
import { CallError, toCallError, toRefusal } from '../errors';
import type { IceResolver } from '../ice';
import { jsonSize } from '../json';
import type { Logger } from '../logger';
import {
  clientEvents,
  MAX_JSON_DEPTH,
  type ClientEvent,
  type LeaveReason,
  type Payload,
  type Replies,
} from '../protocol';
import type { RefusalLog } from '../refusal-log';
import type { Address, Change, Rooms, Seat, SeatKey } from '../rooms';
import { Turns } from '../turns';
import { Announcer, errorOf, named } from './announcer';
import { Audience, holds, meetingOf, roomOf, socketIdOf, type CallIo, type CallSocket } from './audience';
import { ByteAllowance } from './byte-allowance';
import { isCongested, wentAway } from './engine';
import type { LateDisconnects } from './late-disconnects';
import { Allowance, networkOf } from './limits';
import { MAX_LOG_BYTES } from './packet-log';
import { guardedParser, isOversized } from './packets';
import { privateIdOf, recoveryAdapter } from './recovery';

/** After how many milliseconds a sender should try again if the addressee reads too slowly. */
const CONGESTED_MS = 1000;
/** What one participant may send to another one that is reconnecting: its packet log has room for several senders. */
const MAX_BYTES_WHILE_AWAY = MAX_LOG_BYTES / 4;

type Handlers = {
  [E in ClientEvent]: (socket: CallSocket, payload: Payload<E>, answer: (data: Replies[E]) => void) => Promise<void>;
};

export interface SocketsOptions {
  engine: EngineServer;
  rooms: Rooms;
  /** The name of this node, and how it reaches the others. */
  node: string;
  post: Post;
  iceServers: IceResolver;
  lateDisconnects: LateDisconnects;
  config: Pick<Config, 'reconnectGraceMs' | 'rateLimits'>;
  log: Logger;
  refusals: RefusalLog;
}

export class Sockets {
  readonly #io: CallIo;
  readonly #audience: Audience;
  readonly #announcer: Announcer;
  readonly #rooms: Rooms;
  readonly #post: Post;
  readonly #iceServers: IceResolver;
  readonly #lateDisconnects: LateDisconnects;
  readonly #config: SocketsOptions['config'];
  readonly #log: Logger;
  readonly #refusals: RefusalLog;
  /** The requests of each connection, under its address. */
  readonly #turns = new Turns();
  readonly #graces = new Set<NodeJS.Timeout>();
  /** What participants send to one another in signals. */
  readonly #signalBytes = new ByteAllowance();
  #isDraining = false;

  constructor({ engine, rooms, node, post, iceServers, lateDisconnects, config, log, refusals }: SocketsOptions) {
    this.#rooms = rooms;
    this.#post = post;
    this.#iceServers = iceServers;
    this.#lateDisconnects = lateDisconnects;
    this.#config = config;
    this.#log = log;
    this.#refusals = refusals;

    const graceMs = config.reconnectGraceMs;
    this.#io = new Server({
      connectionStateRecovery: { maxDisconnectionDuration: graceMs, skipMiddlewares: true },
      adapter: recoveryAdapter({
        graceMs,
        noticeMs: PING.interval + PING.timeout,
        fetch: this.#fetch,
        version: () => rooms.version,
        rosterOf: (room) => rooms.members(meetingOf(room)),
      }),
      parser: guardedParser,
      connectTimeout: 10_000,
      serveClient: false,
    });
    this.#io.bind(engine);
    this.#audience = new Audience(this.#io, node);
    this.#announcer = new Announcer({ audience: this.#audience, post, iceServers, log });
    for (const namespace of this.#audience.namespaces) {
      namespace.use((socket, next) => next(isOversized(socket.handshake.auth) ? authError() : undefined));
      namespace.on('connection', (socket) => this.#connected(socket));
    }
    rooms.onChange((change) => this.#heard(change));
    post.listen({
      deliver: (address, signal) => this.#deliver(address, signal),
      handOver: (address, move, lastHeard) =>
        Promise.resolve(this.#audience.memoryOf(address)?.handOver(socketIdOf(address), move, lastHeard)),
    });
  }

  /** From now on nobody joins, and everybody knows that the server is about to go. */
  drain(): void {
    this.#isDraining = true;
    for (const namespace of this.#audience.namespaces)
      for (const socket of namespace.sockets.values())
        // Spread over five seconds, so that they do not all come back in the same moment.
        socket.emit('call:server-shutdown', { reconnectInMs: 500 + Math.floor(Math.random() * 5000) });
  }

  /** Settles when everything that was asked is done. */
  idle(): Promise<void> {
    return this.#turns.idle();
  }

  async close(): Promise<void> {
    await this.#io.close();
    await this.idle();
    for (const grace of this.#graces) clearTimeout(grace);
  }

  // ---- What happens to a connection ------------------------------------------------------------------------------

  #connected(socket: CallSocket): void {
    forgetHandshake(socket);
    const { windowMs, events } = this.#config.rateLimits;
    socket.data.allowance = new Allowance(events, windowMs);
    // Also the first packet with an offset, without which Socket.IO's client does not ask for recovery.
    socket.emit('call:ice-servers', this.#iceServers.forVisitor(socket.id));
    socket.onAny((event: unknown, ...args: unknown[]) => this.#receive(socket, event, args));
    socket.on('disconnect', (reason) => this.#inTurn(socket, () => this.#disconnected(socket, reason)));
    if (socket.recovered) this.#inTurn(socket, () => this.#recovered(socket));
  }

  /** A blip is not a departure: only who says so, or whose page is gone, leaves at once. */
  async #disconnected(socket: CallSocket, cause: string): Promise<void> {
    const { seat } = socket.data;
    if (!seat) return;
    const key = { ...seat, address: this.#audience.addressOf(socket) };
    const reason = await departure(socket.conn, cause);
    if (reason) await this.#rooms.depart(key, reason);
    else if (await this.#rooms.hold(key)) {
      this.#log.info({ ...named(key), reason: cause }, 'connection lost, seat held');
      if (socket.conn.transport.name === 'polling') this.#expectDisconnect(socket, key);
    }
  }

  /** The client may have ended its connection in order to leave, and its DISCONNECT packet comes later. */
  #expectDisconnect(socket: CallSocket, key: SeatKey): void {
    this.#lateDisconnects.expect(socket.conn['id'] as string, socket.nsp.name, this.#config.reconnectGraceMs, () =>
      this.#inTurn(socket, async () => {
        // A recovered connection has the same address.
        if (!this.#audience.socketAt(key.address)) await this.#rooms.depart(key, 'left');
      }),
    );
  }

  async #recovered(socket: CallSocket): Promise<void> {
    const { seat } = socket.data;
    if (!seat) return;
    const resumed = await this.#rooms.resume(
      { ...seat, address: this.#audience.addressOf(socket) },
      clientNetworkOf(socket),
    );
    if (resumed) {
      this.#announcer.giveTurn(socket, seat.userId);
      return;
    }
    // Lost once more, it may be back by now on another connection of the same address.
    if (!socket.connected) return;
    socket.data.seat = undefined;
    await socket.leave(roomOf(seat.meetingId));
    socket.emit('call:error', errorOf(new CallError('NOT_IN_CALL')));
  }

  /** A client shows the ticket of a seat on another node: the seat goes ahead of it. */
  readonly #fetch = async (nsp: { name: string }, ticket: string): Promise<void> => {
    const seat = await this.#rooms.holder(ticket);
    if (!seat || this.#announcer.isHere(seat)) return;
    const address = this.#audience.addressOf({ nsp, id: socketIdOf(seat.address) });
    const isOfNamespace = seat.address.endsWith(address.slice(address.indexOf('/')));
    if (isOfNamespace) await this.#rooms.fetch(seat, address);
  };

  #heard(change: Change): void {
    const { kind, seat } = change;
    // Its request was refused, because nobody knew then what would become of it.
    const isUnwanted = this.#announcer.isUnwanted(change);
    this.#announcer.tell(change);
    if (isUnwanted) this.#later(seat.address, () => this.#decline(seat));
    if (kind === 'held' && this.#announcer.isHere(seat)) this.#expireLater(seat);
  }

  /** Gives back a seat, unless its connection asked again meanwhile, and has it now. */
  async #decline(seat: Seat): Promise<void> {
    const socket = this.#audience.socketAt(seat.address);
    if (!socket || !holds(socket, seat)) await this.#rooms.depart(seat, 'lost');
  }

  #expireLater(seat: Seat): void {
    const grace = setTimeout(() => {
      this.#graces.delete(grace);
      this.#later(seat.address, () => this.#rooms.expire(seat.heldUntil ?? 0));
    }, this.#rooms.timeLeft(seat));
    this.#graces.add(grace.unref());
  }

  // ---- What a client asks for ------------------------------------------------------------------------------------

  #receive(socket: CallSocket, event: unknown, args: unknown[]): void {
    const last = args.at(-1);
    const reply = typeof last === 'function' ? (last as (answer: unknown) => void) : undefined;
    const refuse = (thrown: unknown) => {
      const refusal = toCallError(thrown);
      const { code } = refusal;
      const source = { address: addressOfClient(socket), kind: `event ${code}` };
      const where = { ...socket.data.seat, event: isClientEvent(event) ? event : 'unknown' };
      if (code === 'INTERNAL_ERROR') this.#refusals.error(source, { ...where, err: thrown }, 'failed');
      else this.#refusals.warn(source, { ...where, reason: code }, 'refused');
      if (reply) reply(toRefusal(refusal));
      else socket.emit('call:error', errorOf(refusal));
    };

    const retryAfterMs = socket.data.allowance.take();
    if (socket.data.allowance.isFlooded) {
      const source = { address: addressOfClient(socket), kind: 'flood' };
      this.#refusals.warn(source, { ...socket.data.seat, reason: 'RATE_LIMITED' }, 'flood, disconnected');
      return void socket.disconnect(true);
    }
    if (retryAfterMs > 0) return refuse(new CallError('RATE_LIMITED', { retryAfterMs }));
    if (!isClientEvent(event)) return refuse(new CallError('INVALID_PAYLOAD', { detail: 'no such event' }));
    this.#inTurn(socket, async () => {
      try {
        await this.#handle(socket, event, args[0], (data) => reply?.({ success: true, data }));
      } catch (thrown) {
        refuse(thrown);
      }
    });
  }

  async #handle<E extends ClientEvent>(
    socket: CallSocket,
    event: E,
    payload: unknown,
    answer: (data: Replies[E]) => void,
  ): Promise<void> {
    const checked = clientEvents[event].safeParse(payload);
    if (!checked.success) {
      const [issue] = checked.error.issues;
      const detail = [issue?.path.join('.'), issue?.message].filter(Boolean).join(': ');
      throw new CallError(event === 'call:signal' ? 'INVALID_SIGNAL' : 'INVALID_PAYLOAD', { detail });
    }
    await this.#handlers[event](socket, checked.data as Payload<E>, answer);
  }

  readonly #handlers: Handlers = {
    'call:join': async (socket, request, answer) => {
      if (this.#isDraining) throw new CallError('SHUTTING_DOWN');
      const speaker = this.#speakerOf(socket);
      const { address, seat: before } = speaker;
      await this.#announcer.joins({ socket, answer }, (number) => this.#rooms.join(speaker, number, request));
      if (before && (before.meetingId !== request.meetingId || before.userId !== request.userId))
        await this.#rooms.depart({ ...before, address }, 'moved');
    },

    'call:leave': async (socket, claimed, answer) => {
      await this.#rooms.leave(this.#speakerOf(socket), claimed);
      answer(claimed);
    },

    'call:signal': async (socket, signal, answer) => {
      const { from, to } = await this.#rooms.route(this.#speakerOf(socket), signal);
      this.#limitBytes(from, to, jsonSize(signal.signal, MAX_JSON_DEPTH));
      const stamped = { ...signal, fromUserId: from.userId, fromPeerId: from.peerId };
      if (!(await this.#post.send(to.address, stamped))) throw new CallError('USER_NOT_FOUND');
      if (this.#log.isLevelEnabled('debug'))
        this.#log.debug({ ...named(from), to: to.userId, type: signal.signalType }, 'signal');
      answer({ toUserId: to.userId });
    },

    'call:rename': async (socket, request, answer) => {
      answer(participantEvent(await this.#rooms.rename(this.#speakerOf(socket), request)));
    },

    'call:mute': (socket, claimed, answer) => this.#setMuted(socket, claimed, answer, true),
    'call:unmute': (socket, claimed, answer) => this.#setMuted(socket, claimed, answer, false),
    'call:video-on': (socket, claimed, answer) => this.#setVideo(socket, claimed, answer, true),
    'call:video-off': (socket, claimed, answer) => this.#setVideo(socket, claimed, answer, false),
  };

  /** Throws `RATE_LIMITED` if a participant sends more bytes than the addressee, or its slow connection, can receive. */
  #limitBytes(from: Seat, to: Seat, bytes: number): void {
    const nameOf = ({ meetingId, userId }: Seat) => JSON.stringify([meetingId, userId]);
    const isFull = this.#isCongested(to.address);
    const limit = to.heldUntil === undefined ? undefined : MAX_BYTES_WHILE_AWAY;
    const retryAfterMs = isFull ? CONGESTED_MS : this.#signalBytes.take(nameOf(from), nameOf(to), bytes, limit);
    if (retryAfterMs > 0) throw new CallError('RATE_LIMITED', { retryAfterMs });
  }

  #isCongested(address: Address): boolean {
    const socket = this.#audience.socketAt(address);
    return socket !== undefined && isCongested(socket.conn);
  }

  /** Sends a signal from this or another node. The other node does not know how much waits for a slow client here. */
  #deliver(address: Address, signal: Payload<'call:signal'>): void {
    const socket = this.#audience.socketAt(address);
    if (!socket || !isCongested(socket.conn)) return this.#audience.tellOne(address, 'call:signal', signal);
    const source = { address: addressOfClient(socket), kind: 'slow signals' };
    const fields = { meetingId: signal.meetingId, userId: signal.toUserId };
    this.#refusals.warn(source, fields, 'signal dropped, client reads too slowly');
  }

  async #setMuted(...[socket, claimed, answer, isMuted]: [...Parameters<Handlers['call:mute']>, boolean]) {
    const { userId, username } = await this.#rooms.setMedia(this.#speakerOf(socket), claimed, { isMuted });
    answer({ userId, username, isMuted, timestamp: isoNow() });
  }

  async #setVideo(...[socket, claimed, answer, isVideoOn]: [...Parameters<Handlers['call:video-on']>, boolean]) {
    const { userId, username } = await this.#rooms.setMedia(this.#speakerOf(socket), claimed, { isVideoOn });
    answer({ userId, username, isVideoOn, timestamp: isoNow() });
  }

  #speakerOf(socket: CallSocket) {
    const { seat } = socket.data;
    const network = clientNetworkOf(socket);
    return { address: this.#audience.addressOf(socket), ticket: privateIdOf(socket), network, seat };
  }

  /** One connection, one request at a time. */
  #inTurn(socket: CallSocket, task: () => Promise<unknown>): void {
    this.#later(this.#audience.addressOf(socket), task, addressOfClient(socket));
  }

  #later(connection: Address, task: () => Promise<unknown>, address?: string): void {
    this.#turns
      .take(connection, task)
      .catch((thrown: unknown) =>
        this.#refusals.error({ address, kind: 'task' }, { connection, err: thrown }, 'failed'),
      );
  }
}

/** Socket.IO sends the message and `data` of an error to the client as `connect_error`. */
function authError(): Error {
  const error = new CallError('INVALID_PAYLOAD', { detail: 'auth must be at most 4 KiB, 32 levels deep' });
  return Object.assign(error, { data: errorOf(error) });
}

/** Releases the memory of headers, query and `auth`, which nothing uses after Socket.IO has accepted the connection. */
function forgetHandshake(socket: CallSocket): void {
  Object.assign(socket.handshake, { headers: {}, query: {}, url: '', auth: {} });
}

/** Why a connection's end is a departure; undefined if it may come back. */
async function departure(connection: Connection, cause: string): Promise<LeaveReason | undefined> {
  if (cause === 'client namespace disconnect') return 'left';
  if (cause === 'server namespace disconnect' || (await wentAway(connection, cause))) return 'closed';
  return undefined;
}

/** The IP address of a client. */
const addressOfClient = ({ conn }: CallSocket): string => conn.remoteAddress;
const clientNetworkOf = (socket: CallSocket) => networkOf(addressOfClient(socket));

/** Socket.IO takes numbers for event names, too, and events without a name. */
const isClientEvent = (event: unknown): event is ClientEvent =>
  typeof event === 'string' && Object.hasOwn(clientEvents, event);

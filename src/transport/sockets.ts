// The signaling door: takes a client's event, asks the rooms, answers, and tells the others.

import type { Server as EngineServer, Socket as Connection } from 'engine.io';
import { Server } from 'socket.io';
import type { Config } from '../config';
import type { PeerDirectory } from '../directory';
import { PING } from '../doors';
import { CallError, toCallError, toRefusal } from '../errors';
import type { IceResolver } from '../ice';
import type { Logger } from '../logger';
import {
  clientEvents,
  type ClientEvent,
  type LeaveReason,
  type MediaStatus,
  type MuteStatus,
  type ParticipantEvent,
  type ParticipantInfo,
  type Payload,
  type Replies,
  type VideoStatus,
} from '../protocol';
import type { Address, Media, Rooms, Seat } from '../rooms';
import { Turns } from '../turns';
import { addressOf, Audience, roomOf, type CallIo, type CallSocket } from './audience';
import { wentAway } from './engine';
import { Allowance } from './limits';
import { guardedParser } from './packets';
import { recoveryAdapter } from './recovery';

type Handlers = { [E in ClientEvent]: (socket: CallSocket, payload: Payload<E>) => Promise<Replies[E]> };

export interface SocketsOptions {
  engine: EngineServer;
  rooms: Rooms;
  directory: PeerDirectory;
  iceServersFor: IceResolver;
  config: Pick<Config, 'reconnectGraceMs' | 'rateLimits'>;
  log: Logger;
}

export class Sockets {
  readonly #io: CallIo;
  readonly #audience: Audience;
  readonly #rooms: Rooms;
  readonly #directory: PeerDirectory;
  readonly #iceServersFor: IceResolver;
  readonly #config: SocketsOptions['config'];
  readonly #log: Logger;
  /** Under a connection's address its requests, under a call's room whatever changes who is in it. */
  readonly #turns = new Turns();
  readonly #graces = new Set<NodeJS.Timeout>();
  #isDraining = false;

  constructor({ engine, rooms, directory, iceServersFor, config, log }: SocketsOptions) {
    this.#rooms = rooms;
    this.#directory = directory;
    this.#iceServersFor = iceServersFor;
    this.#config = config;
    this.#log = log;

    const graceMs = config.reconnectGraceMs;
    this.#io = new Server({
      connectionStateRecovery: { maxDisconnectionDuration: graceMs, skipMiddlewares: true },
      adapter: recoveryAdapter({ graceMs, noticeMs: PING.interval + PING.timeout }),
      parser: guardedParser,
      connectTimeout: 10_000,
      serveClient: false,
    });
    this.#io.bind(engine);
    this.#audience = new Audience(this.#io);
    for (const namespace of this.#audience.namespaces) namespace.on('connection', (socket) => this.#connected(socket));
    directory.onChange((seats, online) => {
      for (const { meetingId, userId, peerId } of seats)
        this.#audience.tell(meetingId, 'call:peer-status', { userId, peerId, online });
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
    const { windowMs, events } = this.#config.rateLimits;
    socket.data.allowance = new Allowance(events, windowMs);
    // Also the first packet with an offset, without which Socket.IO's client does not ask for recovery.
    socket.emit('call:ice-servers', this.#iceServersFor(socket.data.seat?.userId ?? socket.id));
    socket.onAny((event: unknown, ...args: unknown[]) => this.#receive(socket, event, args));
    socket.on('disconnect', (reason) => this.#inTurn(socket, () => this.#disconnected(socket, reason)));
    if (socket.recovered) this.#inTurn(socket, () => this.#recovered(socket));
  }

  /** A blip is not a departure: only who says so, or whose page is gone, leaves at once. */
  async #disconnected(socket: CallSocket, cause: string): Promise<void> {
    const { seat } = socket.data;
    if (!seat) return;
    const key = { ...seat, address: addressOf(socket) };
    const reason = await departure(socket.conn, cause);
    if (reason) return this.#depart(key, reason);

    await this.#inCall(seat.meetingId, async () => {
      const held = await this.#rooms.hold(key);
      if (!held) return;
      this.#audience.tell(held.meetingId, 'call:peer-reconnecting', moment(held), key.address);
      this.#log.info({ ...named(held), reason: cause }, 'connection lost, seat held');
      this.#expireLater(held);
    });
  }

  async #recovered(socket: CallSocket): Promise<void> {
    const { seat } = socket.data;
    if (!seat) return;
    const key = { ...seat, address: addressOf(socket) };
    await this.#inCall(seat.meetingId, async () => {
      const resumed = await this.#rooms.resume(key);
      if (!resumed) {
        socket.data.seat = undefined;
        await socket.leave(roomOf(seat.meetingId));
        return socket.emit('call:error', error(new CallError('NOT_IN_CALL')));
      }
      await socket.join(roomOf(seat.meetingId));
      this.#audience.tell(seat.meetingId, 'call:peer-reconnected', moment(resumed), key.address);
      this.#log.info(named(resumed), 'reconnected');
    });
  }

  #expireLater({ meetingId, heldUntil = 0 }: Seat): void {
    const grace = setTimeout(() => {
      this.#graces.delete(grace);
      const expired = this.#inCall(meetingId, async () => {
        for (const seat of await this.#rooms.expire(meetingId, heldUntil)) this.#tellLeft(seat, 'lost');
      });
      expired.catch((thrown: unknown) => this.#log.error({ err: thrown, meetingId }, 'a held seat could not be freed'));
    }, this.#config.reconnectGraceMs);
    this.#graces.add(grace.unref());
  }

  // ---- What a client asks for ------------------------------------------------------------------------------------

  #receive(socket: CallSocket, event: unknown, args: unknown[]): void {
    const last = args.at(-1);
    const reply = typeof last === 'function' ? (last as (answer: unknown) => void) : undefined;
    const refuse = (thrown: unknown) => {
      const refusal = toCallError(thrown);
      const { code } = refusal;
      if (code === 'INTERNAL_ERROR') this.#log.error({ ...socket.data.seat, event, err: thrown }, 'failed');
      else this.#log.warn({ ...socket.data.seat, event: String(event).slice(0, 32), reason: code }, 'refused');
      if (reply) reply(toRefusal(refusal));
      else socket.emit('call:error', error(refusal));
    };

    const retryAfterMs = socket.data.allowance.take();
    if (socket.data.allowance.isFlooded) {
      this.#log.warn({ ...socket.data.seat, reason: 'RATE_LIMITED' }, 'flood, disconnected');
      return void socket.disconnect(true);
    }
    if (retryAfterMs > 0) return refuse(new CallError('RATE_LIMITED', { retryAfterMs }));
    if (!isClientEvent(event)) return refuse(new CallError('INVALID_PAYLOAD', { detail: 'no such event' }));
    this.#inTurn(socket, async () => {
      try {
        const data = await this.#handle(socket, event, args[0]);
        reply?.({ success: true, data });
      } catch (thrown) {
        refuse(thrown);
      }
    });
  }

  async #handle<E extends ClientEvent>(socket: CallSocket, event: E, payload: unknown): Promise<Replies[E]> {
    const checked = clientEvents[event].safeParse(payload);
    if (!checked.success) {
      const [issue] = checked.error.issues;
      const detail = [issue?.path.join('.'), issue?.message].filter(Boolean).join(': ');
      throw new CallError(event === 'call:signal' ? 'INVALID_SIGNAL' : 'INVALID_PAYLOAD', { detail });
    }
    return this.#handlers[event](socket, checked.data as Payload<E>);
  }

  readonly #handlers: Handlers = {
    'call:join': async (socket, request) => {
      if (this.#isDraining) throw new CallError('SHUTTING_DOWN');
      const address = addressOf(socket);
      const before = socket.data.seat;
      const answer = await this.#inCall(request.meetingId, () => this.#join(socket, request));
      if (before && (before.meetingId !== request.meetingId || before.userId !== request.userId))
        await this.#depart({ ...before, address }, 'moved', before.meetingId !== request.meetingId);
      return answer;
    },

    'call:leave': async (socket, claimed) => {
      await this.#inCall(claimed.meetingId, async () => {
        const seat = await this.#rooms.leave(speakerOf(socket), claimed);
        socket.data.seat = undefined;
        await socket.leave(roomOf(seat.meetingId));
        this.#tellLeft(seat, 'left');
      });
      return claimed;
    },

    'call:signal': async (socket, signal) => {
      const { from, to } = await this.#rooms.route(speakerOf(socket), signal);
      const stamped = { ...signal, fromUserId: from.userId, fromPeerId: from.peerId };
      this.#audience.tellOne(to.address, 'call:signal', stamped);
      if (this.#log.isLevelEnabled('debug'))
        this.#log.debug({ ...named(from), to: to.userId, type: signal.signalType }, 'signal');
      return { toUserId: to.userId };
    },

    'call:mute': (socket, claimed) => this.#setMuted(socket, claimed, true),
    'call:unmute': (socket, claimed) => this.#setMuted(socket, claimed, false),
    'call:video-on': (socket, claimed) => this.#setVideo(socket, claimed, true),
    'call:video-off': (socket, claimed) => this.#setVideo(socket, claimed, false),
  };

  #setMuted(socket: CallSocket, claimed: Payload<'call:mute'>, isMuted: boolean) {
    const tell = (status: MuteStatus) => this.#audience.tell(claimed.meetingId, 'call:mute-status', status);
    return this.#setMedia(socket, claimed, { isMuted }, tell);
  }

  #setVideo(socket: CallSocket, claimed: Payload<'call:video-on'>, isVideoOn: boolean) {
    const tell = (status: VideoStatus) => this.#audience.tell(claimed.meetingId, 'call:video-status', status);
    return this.#setMedia(socket, claimed, { isVideoOn }, tell);
  }

  async #join(socket: CallSocket, request: Payload<'call:join'>): Promise<Replies['call:join']> {
    const seating = await this.#rooms.join(addressOf(socket), request);
    const { seat, others } = seating;
    const { meetingId, userId } = seat;
    if (seating.outcome === 'seated') {
      const { replaced } = seating;
      if (replaced && replaced.address !== seat.address) this.#evict(replaced);
      if (replaced && replaced.peerId !== seat.peerId) this.#release(replaced);
      socket.data.seat = { meetingId, userId };
      await socket.join(roomOf(meetingId));
      this.#audience.tell(meetingId, 'call:peer-joined', moment(seat), seat.address);
      this.#log.info({ ...named(seat), participants: others.length + 1, again: replaced !== undefined }, 'joined');
    }
    const [self, ...participants] = await this.#directory.describe([seat, ...others]);
    socket.emit('call:peers-list', { meetingId, participants, count: participants.length });
    return { meetingId, self: self as ParticipantInfo, participants, iceServers: this.#iceServersFor(userId) };
  }

  async #setMedia<M extends Partial<Media>>(
    socket: CallSocket,
    claimed: Payload<'call:mute'>,
    media: M,
    tell: (status: MediaStatus & M) => void,
  ): Promise<MediaStatus & M> {
    return this.#inCall(claimed.meetingId, async () => {
      const { seat, changed } = await this.#rooms.setMedia(speakerOf(socket), claimed, media);
      const status = { userId: seat.userId, username: seat.username, ...media, timestamp: now() };
      if (changed) tell(status);
      return status;
    });
  }

  // ---- What follows from it --------------------------------------------------------------------------------------

  /** The one way out for a seat that nobody asked to leave. */
  async #depart(key: { meetingId: string; userId: string; address: Address }, reason: LeaveReason, isGone = true) {
    await this.#inCall(key.meetingId, async () => {
      const seat = await this.#rooms.depart(key);
      if (!seat) return;
      if (isGone) this.#audience.dismiss(key.address, key.meetingId);
      this.#tellLeft(seat, reason);
    });
  }

  /** Somebody's earlier connection, whose seat was taken over, is told and is out. */
  #evict({ address, meetingId }: Seat): void {
    this.#audience.tellOne(address, 'call:error', error(new CallError('REPLACED')));
    this.#audience.dismiss(address, meetingId);
  }

  #tellLeft(seat: Seat, reason: LeaveReason): void {
    this.#release(seat);
    this.#audience.tell(seat.meetingId, 'call:peer-left', { ...moment(seat), reason });
    this.#log.info({ ...named(seat), reason }, 'left');
  }

  #release({ peerId }: Seat): void {
    this.#directory.released(peerId).catch((thrown: unknown) => this.#log.error({ err: thrown }, 'failed'));
  }

  #inCall<T>(meetingId: string, task: () => Promise<T>): Promise<T> {
    return this.#turns.take(roomOf(meetingId), task);
  }

  /** One connection, one request at a time. */
  #inTurn(socket: CallSocket, task: () => Promise<unknown>): void {
    this.#turns
      .take(addressOf(socket), task)
      .catch((thrown: unknown) => this.#log.error({ ...socket.data.seat, err: thrown }, 'failed'));
  }
}

/** Why a connection's end is a departure; undefined if it may come back. */
async function departure(connection: Connection, cause: string): Promise<LeaveReason | undefined> {
  if (cause === 'client namespace disconnect') return 'left';
  if (cause === 'server namespace disconnect' || (await wentAway(connection, cause))) return 'closed';
  return undefined;
}

const now = () => new Date().toISOString();

function moment({ userId, peerId, username }: Seat): ParticipantEvent {
  return { userId, peerId, username, timestamp: now() };
}

/** What the log tells of a participant. */
const named = ({ meetingId, userId }: Seat) => ({ meetingId, userId });

const error = (refusal: CallError) => {
  const { success: _, ...rest } = toRefusal(refusal);
  return rest;
};

const speakerOf = (socket: CallSocket) => ({ address: addressOf(socket), seat: socket.data.seat });

/** Socket.IO takes numbers for event names, too, and events without a name. */
const isClientEvent = (event: unknown): event is ClientEvent =>
  typeof event === 'string' && Object.hasOwn(clientEvents, event);

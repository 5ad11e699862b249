// What a PeerJS socket may do. It stands between the wire and `peer`, which is written for well-behaved clients, and
// passes on only what is well formed. To `peer` it looks like a WebSocket server whose sockets are WebSockets.

import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import type { PeerFrames } from '../backplane/index';
import type { Config } from '../config';
import type { PeerConnection, PeerPresence } from '../directory';
import { PEER_KEY, PING } from '../doors';
import { jsonSize } from '../json';
import type { Logger } from '../logger';
import { hashToken } from '../peer-proof';
import type { RefusalLog } from '../refusal-log';
import { isPeerId, MAX_JSON_DEPTH, MAX_PEER_TOKEN_LENGTH, MAX_SIGNAL_BYTES } from '../protocol';
import { ByteAllowance } from './byte-allowance';
import { echoOf, ExpireFilter } from './expire-filter';
import { Allowance, MESSAGE_LIMITS, networkOf } from './limits';
import { parseFrame, type AddressedFrame, type ReceivedFrame } from './peer-frames';
import { WaitingRoom } from './waiting-room';

/** WebSocket close codes: RFC 6455, 7.4.1, and the IANA registry. */
const CLOSE = { notText: 1003, notJson: 1007, policy: 1008, restart: 1012, tryAgain: 1013 } as const;

/** Larger messages close the connection (1009); those above `MAX_SIGNAL_BYTES` are only not delivered. */
const MAX_MESSAGE_BYTES = 4 * MAX_SIGNAL_BYTES;
/** How many frames that are too large or too deep one connection may send before it is closed. */
const MAX_EXCESSIVE = { count: 20, windowMs: 10_000 };
/** `closeTimeout` is how many milliseconds a client has to answer a close; the types of `ws` do not know it yet. */
const WEBSOCKETS = {
  ...MESSAGE_LIMITS,
  noServer: true,
  maxPayload: MAX_MESSAGE_BYTES,
  clientTracking: false,
  closeTimeout: 2000,
};
/** What may be buffered for a reader that does not read. */
const MAX_BUFFERED_BYTES = 1024 * 1024;
/** Above this, the client gets no more frames of other peers. */
const CONGESTED_BYTES = 0.75 * MAX_BUFFERED_BYTES;
const HEARTBEAT = '{"type":"HEARTBEAT"}';
const PEER_ID_TAKEN = '{"type":"ID-TAKEN","payload":{"msg":"ID is taken"}}';

/** What `peer` does with its WebSocket server: two listeners. */
interface GuardEvents {
  connection: [socket: GuardedSocket, req: IncomingMessage];
  error: [error: Error];
}

export interface GuardOptions {
  presence: PeerPresence;
  frames: PeerFrames;
  rateLimits: Config['rateLimits'];
  clientAddressOf: (req: IncomingMessage) => string;
  log: Logger;
  refusals: RefusalLog;
}

export class PeerGuard extends EventEmitter<GuardEvents> {
  readonly options: GuardOptions;
  readonly #waiting = new WaitingRoom();
  readonly #bytes = new ByteAllowance();
  readonly #wss = new WebSocketServer(WEBSOCKETS);
  readonly #sockets = new Set<GuardedSocket>();
  readonly #registered = new Map<string, GuardedSocket>();
  /** What comes for peers that are known to be here, and not to `peer` yet. */
  readonly #early = new Map<string, string[]>();
  readonly #pinger: NodeJS.Timeout;
  #connections = 0;

  constructor(options: GuardOptions) {
    super();
    this.options = options;
    this.#pinger = setInterval(() => {
      for (const socket of this.#sockets) socket.ping();
    }, PING.interval).unref();
    options.frames.listen((toPeerId, frame) => this.#deliver(toPeerId, frame));
    // Also one that is still being let in.
    options.presence.onReplaced((connection) =>
      replace([...this.#sockets].find(({ presence }) => presence.connection === connection)),
    );
  }

  /** Completes an upgrade. */
  accept(req: IncomingMessage, duplex: Duplex, head: Buffer): void {
    this.#wss.handleUpgrade(req, duplex, head, (ws) => {
      const { id, token, key } = identityOf(req);
      const network = networkOf(this.options.clientAddressOf(req));
      const connection = String((this.#connections += 1));
      const socket = this.#open(ws, { peerId: id, tokenHash: hashToken(token), network, connection });
      // `peer` itself says what is missing.
      if (!id || !token || key !== PEER_KEY) return void this.emit('connection', socket, req);
      if (!isPeerId(id)) return socket.end(CLOSE.policy, 'invalid id');
      if (token.length > MAX_PEER_TOKEN_LENGTH) return socket.end(CLOSE.policy, 'invalid token');
      ws.pause();
      this.#arrive(socket, req)
        .catch((error: unknown) => {
          const source = { address: network, kind: 'peer not let in' };
          this.options.refusals.error(source, { peerId: id, err: error }, 'peer not let in');
          socket.end(CLOSE.tryAgain, 'try again');
        })
        .finally(() => ws.resume());
    });
  }

  /**
   * Sends a frame on its way. Between two peers of this node the guard relays it itself: it has parsed it already, and
   * `peer` would do so again. All others go where the addressee is, or wait for it.
   */
  route(from: GuardedSocket, { type, dst, payload }: AddressedFrame): void {
    const stamped = JSON.stringify({ type, src: from.id, dst, payload });
    const addressee = this.#registered.get(dst);
    // `peer` does not answer a LEAVE for an absent peer, and PeerJS would report it as an error.
    const expire = () => {
      if (type !== 'LEAVE') from.expire(dst, payload);
    };
    const bytes = jsonSize(payload, MAX_JSON_DEPTH);
    if (addressee?.isCongested || this.#bytes.take(from.id, dst, bytes) > 0) {
      this.options.log.debug({ peerId: from.id, reason: 'RATE_LIMITED' }, 'peer frame not delivered');
      return expire();
    }
    // What is still on its way to this addressee goes first.
    if (addressee && !from.awaited?.has(dst)) return addressee.send(stamped);

    const route = { connection: from, network: from.network, to: dst };
    const leave = this.#waiting.admit(route, bytes);
    if (!leave) return expire();
    const all = (from.awaited ??= new Map<string, number>());
    all.set(dst, (all.get(dst) ?? 0) + 1);
    const settled = (hasCome: boolean) => {
      leave();
      const left = (all.get(dst) ?? 1) - 1;
      if (left === 0) all.delete(dst);
      else all.set(dst, left);
      if (!hasCome) expire();
    };
    this.options.frames.send(dst, stamped).then(settled, (error: unknown) => {
      from.warn('frame not sent', String(error));
      settled(false);
    });
  }

  /** Ends every connection, and settles when they are closed: within `closeTimeout`, whatever the clients do. */
  async close(): Promise<void> {
    clearInterval(this.#pinger);
    const closed = [...this.#sockets].map((socket) => socket.closed());
    for (const socket of this.#sockets) socket.end(CLOSE.restart, 'server shutting down');
    await Promise.all(closed);
    this.#wss.close();
  }

  /** Lets a peer in, if its id is its own. */
  async #arrive(socket: GuardedSocket, req: IncomingMessage): Promise<void> {
    const { presence, log } = this.options;
    const { id } = socket;
    const early: string[] = [];
    this.#early.set(id, early);
    const waiting = await presence.arrive(socket.presence).finally(() => {
      if (this.#early.get(id) === early) this.#early.delete(id);
    });
    if (!waiting) {
      socket.send(PEER_ID_TAKEN);
      socket.end(CLOSE.policy, 'id taken');
      return;
    }
    // The same peer back before its old connection was found dead: `peer` would leave the new one without an answer.
    replace(this.#registered.get(id));
    // It may have been ended meanwhile, and then took the place of the one before all the same.
    if (!socket.isOpen) {
      this.#depart(socket);
      return;
    }
    this.#registered.set(id, socket);
    this.emit('connection', socket, req);
    for (const frame of [...waiting, ...early]) socket.relay(frame);
    log.debug({ peerId: id }, 'peer online');
  }

  #depart({ id, presence }: GuardedSocket): void {
    const { log, refusals } = this.options;
    const source = { address: presence.network, kind: 'peer not noted' };
    this.options.presence
      .depart(presence)
      .catch((error: unknown) => refusals.error(source, { peerId: id, err: error }, 'not noted'));
    log.debug({ peerId: id }, 'peer offline');
  }

  #deliver(toPeerId: string, frame: string): void {
    const early = this.#early.get(toPeerId);
    if (early) early.push(frame);
    else this.#registered.get(toPeerId)?.relay(frame);
  }

  /** Apart from the upgrade, whose request would otherwise live as long as the socket. */
  #open(ws: WebSocket, presence: PeerConnection): GuardedSocket {
    const socket = new GuardedSocket(ws, presence, this);
    this.#sockets.add(socket);
    // Not `once`, which would keep three more objects for each socket; it closes but once.
    socket.on('close', () => {
      this.#sockets.delete(socket);
      if (this.#registered.get(socket.id) !== socket) return;
      this.#registered.delete(socket.id);
      this.#depart(socket);
    });
    return socket;
  }
}

/** Ends a connection whose peer is connected anew. */
const replace = (socket: GuardedSocket | undefined) => socket?.end(CLOSE.policy, 'connected again');

interface SocketEvents {
  message: [text: string];
  close: [];
  error: [error: Error];
}

/** One PeerJS connection. `peer` listens to its events and calls `send` and `close`, as it would with a WebSocket. */
export class GuardedSocket extends EventEmitter<SocketEvents> {
  readonly presence: PeerConnection;
  /** The number of frames on their way to each peer that is not on this node. Most sockets never have any. */
  awaited: Map<string, number> | undefined;
  readonly #ws: WebSocket;
  readonly #guard: PeerGuard;
  readonly #allowance: Allowance;
  /** Most sockets never need these two. */
  #excessive: Allowance | undefined;
  #expires: ExpireFilter | undefined;
  #isAlive = true;
  #isOpen = true;

  constructor(ws: WebSocket, presence: PeerConnection, guard: PeerGuard) {
    super();
    this.presence = presence;
    this.#ws = ws;
    this.#guard = guard;
    const { peerFrames, windowMs } = guard.options.rateLimits;
    this.#allowance = new Allowance(peerFrames, windowMs);
    ws.on('message', (data, isBinary) => this.#receive(data, isBinary));
    ws.on('pong', () => this.#beat());
    ws.on('close', () => this.#ended());
    // Frames that break the WebSocket protocol itself: `ws` closes the connection with the fitting code.
    ws.on('error', (error) => this.#guard.options.log.debug({ peerId: this.id, reason: error.message }, 'bad frame'));
  }

  get id(): string {
    return this.presence.peerId;
  }

  get network(): string {
    return this.presence.network;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether so much waits for this slow client that it should get no more frames of other peers. */
  get isCongested(): boolean {
    return this.#ws.bufferedAmount > CONGESTED_BYTES;
  }

  /** Sends a frame that waited or comes from another node, whose sender cannot be refused any more. */
  relay(frame: string): void {
    if (!this.isCongested) return this.send(frame);
    this.warn('peer frame dropped, client reads too slowly');
  }

  send(frame: string): void {
    if (this.#ws.bufferedAmount <= MAX_BUFFERED_BYTES) return this.#ws.send(frame);
    this.warn('peer cut off', 'does not read');
    this.#ws.terminate();
  }

  /** Reports to the client, once for each call, that `dst` cannot be reached: PeerJS emits `peer-unavailable`. */
  expire(dst: string, payload: unknown, isOffer = false): void {
    this.#expires ??= new ExpireFilter();
    if (this.#expires.isFirst(dst, payload, isOffer))
      this.send(JSON.stringify({ type: 'EXPIRE', src: echoOf(dst), dst: this.id }));
  }

  /** Logs what the client of this connection caused. `kind` must be one of a fixed set of texts. */
  warn(message: string, reason?: string, kind = message): void {
    const fields = { peerId: this.id, ...(reason !== undefined && { reason }) };
    this.#guard.options.refusals.warn({ address: this.network, kind }, fields, message);
  }

  /** Called by `peer` after it refused. */
  close(): void {
    this.end();
  }

  /** Ends the connection; for `peer` it is over at once, whether or not the client answers the close. */
  end(code?: number, reason?: string): void {
    if (!this.#isOpen) return;
    this.#ws.close(code, reason);
    this.#ended();
  }

  /** Settles when the connection is gone from the wire, too. */
  closed(): Promise<void> {
    return new Promise((resolve) => this.#ws.once('close', () => resolve()));
  }

  /** Ends a connection that has not answered the last ping, and sends the next. */
  ping(): void {
    if (!this.#isAlive) return this.#ws.terminate();
    this.#isAlive = false;
    this.#ws.ping();
  }

  /** A pong is a heartbeat: the timers of hidden tabs, which send the PeerJS ones, are throttled. */
  #beat(): void {
    this.#isAlive = true;
    this.emit('message', HEARTBEAT);
  }

  #ended(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.emit('close');
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (!this.#isOpen) return;
    this.#isAlive = true;
    if (isBinary) return this.#refuse(CLOSE.notText, 'text only');
    if (this.#allowance.take() > 0) return this.#refuse(CLOSE.policy, 'RATE_LIMITED');
    const text = (data as Buffer).toString();
    const received = parseFrame(text);
    if (received === undefined) return this.#refuse(CLOSE.notJson, 'not JSON');
    if (received === null) return this.#refuse(CLOSE.policy, 'INVALID_PAYLOAD');
    switch (received.kind) {
      case 'heartbeat':
        return void this.emit('message', HEARTBEAT);
      case 'addressed':
        return this.#guard.route(this, received.frame);
      default:
        return this.#reject(received);
    }
  }

  /** A mistake costs its frame. Only a client that repeats expensive ones loses its connection. */
  #reject(received: Exclude<ReceivedFrame, { kind: 'heartbeat' | 'addressed' }>): void {
    this.#guard.options.log.debug({ peerId: this.id, reason: 'INVALID_PAYLOAD' }, 'peer frame not delivered');
    if (received.isExcessive) {
      this.#excessive ??= new Allowance(MAX_EXCESSIVE.count, MAX_EXCESSIVE.windowMs);
      if (this.#excessive.take() > 0) return this.#refuse(CLOSE.policy, 'RATE_LIMITED');
    }
    if (received.kind !== 'undeliverable') return;
    const { type, dst, payload } = received;
    this.expire(dst, payload, type === 'OFFER');
  }

  #refuse(code: number, reason: string): void {
    this.warn('peer refused', reason, `peer refused: ${reason}`);
    this.end(code, reason);
  }
}

/** What a PeerJS client says it is, in the query of its URL: read as `peer` reads it, or they would not mean the same. */
function identityOf({ url = '' }: IncomingMessage): { id: string; token: string; key: string } {
  const { id = '', token = '', key = '' } = Object.fromEntries(new URL(url, 'https://peerjs').searchParams);
  return { id, token, key };
}

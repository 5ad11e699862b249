// What a PeerJS socket may do. It stands between the wire and `peer`, which is written for well-behaved clients, and
// passes on only what is well formed. To `peer` it looks like a WebSocket server whose sockets are WebSockets.

import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import type { PeerFrames } from '../backplane/index';
import type { Config } from '../config';
import { PING } from '../doors';
import { jsonSize } from '../json';
import type { Logger } from '../logger';
import { isPeerId, MAX_JSON_DEPTH, MAX_SIGNAL_BYTES } from '../protocol';
import { Allowance } from './limits';
import { parseFrame, WaitingRoom, type AddressedFrame } from './peer-frames';

/** WebSocket close codes: RFC 6455, 7.4.1, and the IANA registry. */
const CLOSE = { goingAway: 1001, notText: 1003, notJson: 1007, policy: 1008, restart: 1012 } as const;

const MAX_TOKEN_LENGTH = 128;
/** `closeTimeout` is how many milliseconds a client has to answer a close; the types of `ws` do not know it yet. */
const WEBSOCKETS = { noServer: true, maxPayload: MAX_SIGNAL_BYTES, clientTracking: false, closeTimeout: 2000 };
/** What may be buffered for a reader that does not read. */
const MAX_BUFFERED_BYTES = 1024 * 1024;
const HEARTBEAT = '{"type":"HEARTBEAT"}';
const PEER_ID_TAKEN = '{"type":"ID-TAKEN","payload":{"msg":"ID is taken"}}';

/** What `peer` does with its WebSocket server: two listeners. */
interface GuardEvents {
  connection: [socket: GuardedSocket, req: IncomingMessage];
  error: [error: Error];
}

export interface GuardOptions {
  frames: PeerFrames;
  rateLimits: Config['rateLimits'];
  log: Logger;
  clock?: () => number;
}

export class PeerGuard extends EventEmitter<GuardEvents> {
  readonly options: GuardOptions;
  readonly #waiting: WaitingRoom;
  readonly #wss = new WebSocketServer(WEBSOCKETS);
  readonly #sockets = new Set<GuardedSocket>();
  readonly #registered = new Map<string, GuardedSocket>();
  readonly #pinger: NodeJS.Timeout;

  constructor(options: GuardOptions) {
    super();
    this.options = options;
    this.#waiting = new WaitingRoom(options.clock ?? Date.now);
    this.#pinger = setInterval(() => {
      for (const socket of this.#sockets) socket.ping();
    }, PING.interval).unref();
    options.frames.listen((toPeerId, frame) => this.#registered.get(toPeerId)?.send(frame));
  }

  /** Completes an upgrade. `isReserved` says that the id is another's, though nobody is connected under it. */
  accept(req: IncomingMessage, duplex: Duplex, head: Buffer, isReserved: boolean): void {
    this.#wss.handleUpgrade(req, duplex, head, (ws) => {
      const { id, token } = identityOf(req);
      const socket = this.#open(ws, id, token);
      // `peer` answers a missing id or token itself.
      if (id && !isPeerId(id)) return socket.end(CLOSE.policy, 'invalid id');
      if (token.length > MAX_TOKEN_LENGTH) return socket.end(CLOSE.policy, 'invalid token');
      if (isReserved) {
        socket.send(PEER_ID_TAKEN);
        return socket.end(CLOSE.policy, 'id taken');
      }
      // The same peer back before its old connection was found dead: `peer` would leave the new one without an answer.
      const earlier = this.#registered.get(id);
      if (earlier?.token === token) earlier.end(CLOSE.policy, 'connected again');
      this.emit('connection', socket, req);
    });
  }

  /** `peer` has registered this socket under its id. */
  register(socket: GuardedSocket): void {
    this.#registered.set(socket.id, socket);
  }

  /**
   * Sends a frame on its way. Between two peers of this node the guard relays it itself: it has parsed it already, and
   * `peer` would do so again. To `peer` go the frames for peers that are nowhere, to wait there for them.
   */
  route(from: GuardedSocket, { type, dst, payload }: AddressedFrame, text: string): void {
    const { frames, log } = this.options;
    const stamped = JSON.stringify({ type, src: from.id, dst, payload });
    const addressee = this.#registered.get(dst);
    if (addressee) return addressee.send(stamped);
    frames.forward(dst, stamped).then(
      (isTaken) => {
        // Whoever ended meanwhile says nothing more: the id may be another's by now.
        if (isTaken || this.#registered.get(from.id) !== from) return;
        if (this.#waiting.admit(from, jsonSize(payload, MAX_JSON_DEPTH))) from.emit('message', text);
        else from.send(JSON.stringify({ type: 'EXPIRE', src: dst, dst: from.id }));
      },
      (error: unknown) => log.error({ peerId: from.id, err: error }, 'frame not forwarded'),
    );
  }

  /** Ends every connection, and settles when they are closed: within `closeTimeout`, whatever the clients do. */
  async close(): Promise<void> {
    clearInterval(this.#pinger);
    const closed = [...this.#sockets].map((socket) => socket.closed());
    for (const socket of this.#sockets) socket.end(CLOSE.restart, 'server shutting down');
    await Promise.all(closed);
    this.#wss.close();
  }

  /** Apart from the upgrade, whose request would otherwise live as long as the socket. */
  #open(ws: WebSocket, id: string, token: string): GuardedSocket {
    const socket = new GuardedSocket(ws, id, token, this);
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (this.#registered.get(id) === socket) this.#registered.delete(id);
    });
    return socket;
  }
}

interface SocketEvents {
  message: [text: string];
  close: [];
  error: [error: Error];
}

/** One PeerJS connection. `peer` listens to its events and calls `send` and `close`, as it would with a WebSocket. */
export class GuardedSocket extends EventEmitter<SocketEvents> {
  readonly id: string;
  readonly token: string;
  readonly #ws: WebSocket;
  readonly #guard: PeerGuard;
  readonly #allowance: Allowance;
  #isAlive = true;
  #isOpen = true;

  constructor(ws: WebSocket, id: string, token: string, guard: PeerGuard) {
    super();
    this.id = id;
    this.token = token;
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

  send(frame: string): void {
    if (this.#ws.bufferedAmount <= MAX_BUFFERED_BYTES) return this.#ws.send(frame);
    this.#guard.options.log.warn({ peerId: this.id, reason: 'does not read' }, 'peer cut off');
    this.#ws.terminate();
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
    const frame = parseFrame(text);
    if (frame === undefined) return this.#refuse(CLOSE.notJson, 'not JSON');
    if (frame === null) return this.#refuse(CLOSE.policy, 'INVALID_PAYLOAD');
    if ('dst' in frame) this.#guard.route(this, frame, text);
    else this.emit('message', text);
  }

  #refuse(code: number, reason: string): void {
    this.#guard.options.log.warn({ peerId: this.id, reason }, 'peer refused');
    this.end(code, reason);
  }
}

/** What a PeerJS client says it is, in the query of its URL: read as `peer` reads it, or they would not mean the same. */
export function identityOf({ url = '' }: Pick<IncomingMessage, 'url'>): { id: string; token: string } {
  const { id = '', token = '' } = Object.fromEntries(new URL(url, 'https://peerjs').searchParams);
  return { id, token };
}

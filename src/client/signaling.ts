// Our connection to the call namespace: it takes our seat whenever it is connected, and takes it again after every loss.

import { io, type Socket } from 'socket.io-client';
import type {
  ClientEvent,
  ClientToServerEvents,
  ErrorCode,
  Refusal,
  Replies,
  Reply,
  ServerToClientEvents,
} from '../protocol';
import type { Address } from './address';
import { backoff } from './backoff';
import type { PeerClaim } from './broker';
import { type CallError, localError, refused } from './errors';
import { type OutgoingFrame, signalTypeOf } from './peerjs-frames';

/** How long an answer may take before the question counts as lost. */
const ANSWER_MS = 10_000;
/** The same for a goodbye: the end of the connection says it, too. */
const GOODBYE_MS = 2000;
/** How long a connection may take to stand. A server that ends amid the handshake is noticed by this alone. */
const CONNECT_MS = 8000;
/** The same for an attempt by WebSocket, after which long polling is tried. */
const WEBSOCKET_MS = 4000;
/** A WebSocket that ends within this many milliseconds is short, and after so many short ones only polling is used. */
const SHORT_MS = 30_000;
const SHORT_WEBSOCKETS = 2;
const RECONNECT_MS = 500;
const RECONNECT_MAX_MS = 5000;

/** What may go better in a moment. */
const TEMPORARY: ErrorCode[] = ['RATE_LIMITED', 'SHUTTING_DOWN', 'UNAVAILABLE', 'INTERNAL_ERROR'];

type CallSocket = Socket<ServerToClientEvents, ClientToServerEvents>;
type Seated = Replies['call:join'];

export interface Identity {
  meetingId: string;
  userId: string;
  username: string;
}

export interface SignalingListener {
  /** The server is reached, and asked for a seat. */
  connected(): void;
  /** The seat is ours, for the first time or again, as the server tells it now. */
  seated(answer: Seated, askedAt: number): void;
  /** Signaling is lost, and comes back by itself. */
  lost(): void;
  /** The server will not have us, for good. */
  ended(error: CallError): void;
  /** Our peer id is somebody else's. */
  peerIdTaken(): void;
}

export class Signaling {
  readonly socket: CallSocket;
  #identity: Identity;
  readonly #claim: () => PeerClaim;
  readonly #listener: SignalingListener;
  #failures = 0;
  #shortWebSockets = 0;
  #connectedAt = 0;
  #isWebSocket = false;
  #isPollingFirst = false;
  #isOver = false;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(address: Address, identity: Identity, claim: () => PeerClaim, listener: SignalingListener) {
    this.#identity = identity;
    this.#claim = claim;
    this.#listener = listener;
    this.socket = io(address.namespace, {
      path: address.socketPath,
      // WebSocket at once; polling where something on the way does not let it through.
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      forceNew: true,
      timeout: WEBSOCKET_MS,
      reconnectionDelay: RECONNECT_MS,
      reconnectionDelayMax: RECONNECT_MAX_MS,
    });
    this.socket.on('connect', () => this.#connected());
    this.socket.on('disconnect', (reason) => {
      clearTimeout(this.#retry);
      this.#chooseTransports(reason);
      listener.lost();
      // Socket.IO comes back by itself from anything but being sent away.
      if (reason === 'io server disconnect')
        this.#retry = setTimeout(() => this.socket.connect(), backoff(this.#failures++, RECONNECT_MAX_MS));
    });
    this.socket.on('connect_error', (error) => {
      // Socket.IO tries the next transport after a refusal, and none after a timeout.
      if (error.message === 'timeout') this.#swapTransports();
      const refusal = refusalIn(error);
      if (refusal?.code === 'ORIGIN_NOT_ALLOWED') listener.ended(refused(refusal));
    });
    this.socket.on('call:error', (refusal) => {
      if (refusal.code === 'REPLACED') listener.ended(refused(refusal));
      // A seat that was lost meanwhile needs nothing: the join that follows every connection asks for it again.
    });
    // Everybody is given another moment, so that they do not all come back in the same.
    this.socket.on('call:server-shutdown', ({ reconnectInMs }) => this.socket.io.reconnectionDelay(reconnectInMs));
  }

  /** The display name of all joins to come. */
  set username(username: string) {
    this.#identity = { ...this.#identity, username };
  }

  get transport(): 'websocket' | 'polling' | 'offline' {
    if (!this.socket.connected) return 'offline';
    return this.socket.io.engine.transport.name === 'websocket' ? 'websocket' : 'polling';
  }

  /** Sends an event and gives what the server answers. Rejects with its refusal, or with `TIMEOUT`. */
  async ask<E extends ClientEvent>(
    event: E,
    payload: Parameters<ClientToServerEvents[E]>[0],
    waitMs = ANSWER_MS,
  ): Promise<Replies[E]> {
    const socket = this.socket.timeout(waitMs) as unknown as {
      emitWithAck: (event: E, payload: unknown) => Promise<Reply<E>>;
    };
    const answer = await socket.emitWithAck(event, payload).catch((cause: unknown) => {
      throw localError('TIMEOUT', { cause });
    });
    if (!answer.success) throw refused(answer);
    return answer.data;
  }

  /** Asks for our seat. Whoever has it already is told the same again, and who is there. */
  async #takeSeat(): Promise<void> {
    clearTimeout(this.#retry);
    if (this.#isOver) return;
    const askedAt = performance.now();
    const connectionId = this.socket.id;
    const isStale = () => this.#isOver || !this.socket.connected || this.socket.id !== connectionId;
    try {
      const answer = await this.ask('call:join', { ...this.#identity, ...this.#claim() });
      if (isStale()) return;
      this.#failures = 0;
      this.#listener.seated(answer, askedAt);
    } catch (error) {
      if (!isStale()) this.#refused(error as CallError);
    }
  }

  takeSeatAgain(): void {
    if (this.socket.connected) void this.#takeSeat();
  }

  /** Sends a PeerJS frame to a participant's page. A frame that is lost is replaced by the next call. */
  relay(toUserId: string, frame: OutgoingFrame): void {
    const signalType = signalTypeOf(frame);
    if (!signalType || !this.socket.connected) return;
    const { meetingId, userId: fromUserId } = this.#identity;
    const payload = { meetingId, fromUserId, toUserId, toPeerId: frame.dst, signal: { peerjs: frame }, signalType };
    this.ask('call:signal', payload).catch((error: unknown) => {
      const { retryAfterMs } = error as CallError;
      if (retryAfterMs !== undefined && !this.#isOver) setTimeout(() => this.relay(toUserId, frame), retryAfterMs);
    });
  }

  /** Does not wait any longer to connect again. */
  wake(): void {
    if (!this.socket.connected) this.socket.disconnect().connect();
  }

  /** Says goodbye. Settles when the server knows, or cannot be told. */
  async leave(): Promise<void> {
    this.#end();
    const { meetingId, userId } = this.#identity;
    if (this.socket.connected) await this.ask('call:leave', { meetingId, userId }, GOODBYE_MS).catch(() => undefined);
    this.close();
  }

  /** Without waiting for anybody: the server hears that we mean it. */
  close(): void {
    this.#end();
    this.socket.disconnect();
  }

  /** Whatever is still told, nobody hears it. */
  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#retry);
    this.socket.off();
  }

  #swapTransports(): void {
    const { opts } = this.socket.io;
    this.#isPollingFirst = !this.#isPollingFirst;
    opts.transports = this.#isPollingFirst ? ['polling', 'websocket'] : ['websocket', 'polling'];
    this.socket.io.timeout(this.#isPollingFirst ? CONNECT_MS : WEBSOCKET_MS);
  }

  /** Some proxies cut every WebSocket after a few seconds. */
  #chooseTransports(reason: string): void {
    if (!reason.startsWith('transport') && reason !== 'ping timeout') return;
    const isShort = this.#isWebSocket && performance.now() - this.#connectedAt < SHORT_MS;
    this.#shortWebSockets = isShort ? this.#shortWebSockets + 1 : 0;
    if (this.#shortWebSockets >= SHORT_WEBSOCKETS) this.socket.io.opts.transports = ['polling'];
  }

  #connected(): void {
    const { engine } = this.socket.io;
    this.#connectedAt = performance.now();
    this.#isWebSocket = engine.transport.name === 'websocket';
    engine.once('upgrade', () => {
      this.#isWebSocket = true;
      this.#connectedAt = performance.now();
    });
    this.socket.io.reconnectionDelay(RECONNECT_MS);
    this.#listener.connected();
    void this.#takeSeat();
  }

  #refused(error: CallError): void {
    if (error.code === 'PEER_ID_TAKEN') return this.#listener.peerIdTaken();
    if (error.code !== 'TIMEOUT' && !TEMPORARY.includes(error.code as ErrorCode)) return this.#listener.ended(error);
    const waitMs = error.retryAfterMs ?? backoff(this.#failures++, RECONNECT_MAX_MS);
    this.#retry = setTimeout(() => void this.#takeSeat(), waitMs);
  }
}

/** What the server answered to a polling request that it refused; WebSockets are told nothing. */
function refusalIn(error: Error): Refusal | undefined {
  const { context } = error as { context?: { responseText?: unknown } };
  try {
    const body = JSON.parse(String(context?.responseText)) as Partial<Refusal> | null;
    return typeof body?.code === 'string' ? (body as Refusal) : undefined;
  } catch {
    return undefined;
  }
}

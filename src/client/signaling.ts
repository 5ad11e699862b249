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
import { type CallError, localError, refused } from './errors';

/** How long an answer may take before the question counts as lost. */
const ANSWER_MS = 10_000;
/** The same for a goodbye: the end of the connection says it, too. */
const GOODBYE_MS = 2000;
/** How long a connection may take to stand. A server that ends amid the handshake is noticed by this alone. */
const CONNECT_MS = 8000;
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
  readonly #identity: Identity;
  readonly #peerId: () => string;
  readonly #listener: SignalingListener;
  #failures = 0;
  #isOver = false;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(address: Address, identity: Identity, peerId: () => string, listener: SignalingListener) {
    this.#identity = identity;
    this.#peerId = peerId;
    this.#listener = listener;
    this.socket = io(address.namespace, {
      path: address.socketPath,
      // WebSocket at once; polling where something on the way does not let it through.
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      forceNew: true,
      timeout: CONNECT_MS,
      reconnectionDelay: RECONNECT_MS,
      reconnectionDelayMax: RECONNECT_MAX_MS,
    });
    this.socket.on('connect', () => this.#connected());
    this.socket.on('disconnect', (reason) => {
      clearTimeout(this.#retry);
      listener.lost();
      // Socket.IO comes back by itself from anything but being sent away.
      if (reason === 'io server disconnect')
        this.#retry = setTimeout(() => this.socket.connect(), backoff(this.#failures++, RECONNECT_MAX_MS));
    });
    this.socket.on('connect_error', (error) => {
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
      const answer = await this.ask('call:join', { ...this.#identity, peerId: this.#peerId() });
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

  #connected(): void {
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

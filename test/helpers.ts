// What tests share: a real server on a free port, clients that remember what they were told, and one deadline.

import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { onTestFinished } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';
import { createCallServer, type CallServer, type CallServerOptions } from '../src/index';
import { guardOptions, guardSession, scanLog, scanning } from './log-scan';
import type { ClientEvent, ClientToServerEvents, Replies, Reply, ServerToClientEvents } from '../src/protocol';
import { retryWhileInUse } from './free-port';

/** How long a test waits for a fact, in ms, before it fails. Generous for a busy machine: only failures take that long. */
export const DEADLINE_MS = 45_000;

/** Rejects with `explain()` if `promise` does not settle before the deadline. */
export async function before<T>(promise: Promise<T>, explain: () => string, deadlineMs = DEADLINE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${deadlineMs} ms: ${explain()}`)), deadlineMs);
  });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}

export interface Running {
  calls: CallServer;
  port: number;
  url: string;
}

/** Rate limits that no test runs into by accident. */
export const GENEROUS = { windowMs: 10_000, requests: 1e6, connections: 1e6, events: 1e6, peerFrames: 1e6 };

/** A server on a free port, closed when the test ends. */
export async function startServer(options: CallServerOptions = {}): Promise<Running> {
  guardOptions(options);
  const isSilent = options.logLevel === undefined || options.logLevel === 'silent';
  const calls = createCallServer({
    stunUrls: [],
    logLevel: 'silent',
    rateLimits: GENEROUS,
    environment: 'test',
    ...options,
    log: options.log ? scanning(options.log) : isSilent ? scanLog : undefined,
  });
  onTestFinished(() => calls.close());
  const { port } = await retryWhileInUse(() => calls.listen(0, '127.0.0.1'));
  return { calls, port, url: `http://127.0.0.1:${port}` };
}

/** What came in, in order: `next` takes the first that fits, or waits for it. */
export class Inbox<T> {
  readonly #items: T[] = [];
  readonly #waiting: { fits: (item: T) => boolean; resolve: (item: T) => void }[] = [];
  readonly #history: T[] = [];

  put(item: T): void {
    this.#history.push(item);
    const index = this.#waiting.findIndex(({ fits }) => fits(item));
    if (index < 0) this.#items.push(item);
    else this.#waiting.splice(index, 1)[0]?.resolve(item);
  }

  next(fits: (item: T) => boolean = () => true, what = 'the next item'): Promise<T> {
    const index = this.#items.findIndex(fits);
    if (index >= 0) return Promise.resolve(this.#items.splice(index, 1)[0] as T);
    const arrival = new Promise<T>((resolve) => this.#waiting.push({ fits, resolve }));
    return before(arrival, () => `${what}; came so far: ${JSON.stringify(this.#history).slice(0, 2000)}`);
  }

  /** What came and was not taken. */
  rest(): T[] {
    return [...this.#items];
  }

  /** What came, taken or not. */
  everything(): T[] {
    return [...this.#history];
  }
}

type Told = { [E in keyof ServerToClientEvents]: [event: E, payload: Parameters<ServerToClientEvents[E]>[0]] };
export type CallSocket = Socket<ServerToClientEvents, ClientToServerEvents>;
export type Wild = Socket<Record<string, (...args: unknown[]) => void>, Record<string, (...args: unknown[]) => void>>;

/** A plain Socket.IO client that remembers what it was told. */
export class Client {
  readonly socket: CallSocket;
  readonly inbox = new Inbox<[event: string, payload: unknown]>();

  constructor(socket: CallSocket) {
    this.socket = socket;
    socket.onAny((event: string, payload: unknown) => this.inbox.put([event, payload]));
    socket.on('connect', () => {
      guardSession(socket.io.engine.id);
      guardSession((socket as unknown as { _pid?: string })._pid);
    });
    socket.on('call:ice-servers', (iceServers) => {
      for (const { credential } of iceServers) guardSession(credential);
    });
  }

  /** The same socket, for sending what the types forbid. */
  get wild(): Wild {
    return this.socket;
  }

  /** Sends an event and gives the acknowledgement. */
  ask<E extends ClientEvent>(event: E, payload: Parameters<ClientToServerEvents[E]>[0]): Promise<Reply<E>> {
    return this.askWildly(event, payload) as Promise<Reply<E>>;
  }

  askWildly(event: string, ...args: unknown[]): Promise<Reply<ClientEvent>> {
    const answer = new Promise((resolve) => this.wild.emit(event, ...args, resolve));
    return before(answer, () => `an answer to ${event}`) as Promise<Reply<ClientEvent>>;
  }

  /** Takes the next such event out of what came, or waits for it. */
  async next<E extends keyof ServerToClientEvents>(event: E): Promise<Told[E][1]> {
    const [, payload] = await this.inbox.next(([name]) => name === event, event);
    return payload as Told[E][1];
  }

  /** Events that came and were not taken, by name. */
  rest(...events: (keyof ServerToClientEvents)[]): [string, unknown][] {
    return this.inbox.rest().filter(([event]) => events.length === 0 || (events as string[]).includes(event));
  }
}

/** The pause between two attempts of a client that does not reconnect by itself, in ms. */
const RETRY_MS = 100;

export type ConnectOptions = Partial<ManagerOptions & SocketOptions> & { namespace?: string };

/**
 * Opens a signaling connection (only by WebSocket unless the options say otherwise) and resolves when it is connected.
 * Retries failed attempts until the deadline. Rejects when the server refuses the namespace.
 */
export async function connect(url: string, { namespace = '', ...options }: ConnectOptions = {}): Promise<Client> {
  const socket: CallSocket = io(`${url}${namespace}`, { transports: ['websocket'], forceNew: true, ...options });
  onTestFinished(() => void socket.disconnect());
  const client = new Client(socket);
  let lastError: Error | undefined;
  const connected = new Promise<void>((resolve, reject) => {
    const retry = (error: Error) => {
      lastError = error;
      if (!socket.active) reject(error);
      else if (!socket.io.reconnection()) setTimeout(() => socket.connect(), RETRY_MS);
    };
    socket.on('connect_error', retry);
    socket.once('connect', () => {
      socket.off('connect_error', retry);
      resolve();
    });
  });
  await before(connected, () => `a signaling connection; last error: ${String(lastError)}`);
  await client.next('call:ice-servers');
  return client;
}

/** Settles when the client is connected the next time. */
export const connected = ({ socket }: Client) =>
  new Promise<void>((resolve) => socket.once('connect', () => resolve()));

/** Settles when a connection that began with long polling goes on as a WebSocket. */
export async function upgraded({ socket }: Client): Promise<void> {
  const { engine } = socket.io;
  if (engine.transport.name === 'websocket') return;
  await before(new Promise((resolve) => engine.once('upgrade', resolve)), () => 'an upgrade to websocket');
}

export interface Participant extends Client {
  userId: string;
  meetingId: string;
  peerId: string;
  joined: Replies['call:join'];
}

export interface Who {
  meetingId?: string;
  userId: string;
  peerId?: string;
  username?: string;
}

/** Connects and joins; what the newcomer is told on joining is taken out of its inbox. */
export async function participant(url: string, who: Who, options: ConnectOptions = {}): Promise<Participant> {
  return joinAs(await connect(url, options), who);
}

export async function joinAs(client: Client, who: Who): Promise<Participant> {
  const { meetingId = 'meeting', userId, peerId = `peer-${userId}`, username = userId } = who;
  const joined = taken(await client.ask('call:join', { meetingId, userId, peerId, username }));
  await client.next('call:peers-list');
  return Object.assign(client, { meetingId, userId, peerId, joined });
}

/** The data of an answer; fails with the refusal. */
export function taken<E extends ClientEvent>(answer: Reply<E>): Replies[E] {
  if (!answer.success) throw new Error(`refused: ${answer.code} ${answer.message}`);
  return answer.data;
}

/** The code of a refusal; fails if it was none. */
export function refused(answer: Reply<ClientEvent>): string {
  if (answer.success) throw new Error(`not refused: ${JSON.stringify(answer.data)}`);
  return answer.code;
}

/** How a participant names itself. */
export const self = ({ meetingId, userId }: Participant) => ({ meetingId, userId });

/**
 * A signal from one participant to another of the same call. Once it came, everything that `from` caused before has
 * come too: what is not in the inbox then, was not sent.
 */
export async function fence(from: Participant, to: Participant): Promise<void> {
  const marker = randomUUID();
  const { meetingId, userId: fromUserId, peerId: fromPeerId } = from;
  const { userId: toUserId, peerId: toPeerId } = to;
  const parties = { meetingId, fromUserId, toUserId, fromPeerId, toPeerId };
  taken(await from.ask('call:signal', { ...parties, signal: { marker }, signalType: 'offer' }));
  await to.inbox.next(
    ([event, payload]) => event === 'call:signal' && JSON.stringify(payload).includes(marker),
    'the fence',
  );
}

/** Ends a client's connection without a goodbye, as a lost network does. The client reconnects by itself. */
export function cut(client: Client): void {
  client.socket.io.engine.close();
}

export interface Frame {
  type: string;
  src?: string;
  dst?: string;
  payload?: unknown;
}

export const offer = (dst: string, payload: unknown = { sdp: 'v=0' }) => ({ type: 'OFFER', dst, payload });

/** A PeerJS client reduced to its WebSocket: it remembers frames, and how it was closed. */
export class PeerWire {
  readonly ws: WebSocket;
  readonly inbox = new Inbox<Frame>();
  readonly closed: Promise<{ code: number; reason: string }>;

  constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on('message', (data) => this.inbox.put(JSON.parse((data as Buffer).toString()) as Frame));
    // The close tells what there is to know.
    ws.on('error', () => undefined);
    this.closed = new Promise((resolve) =>
      ws.on('close', (code, reason) => resolve({ code, reason: reason.toString() })),
    );
    onTestFinished(() => ws.terminate());
  }

  send(frame: unknown): void {
    this.ws.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame));
  }

  next(type: string): Promise<Frame> {
    return this.inbox.next((frame) => frame.type === type, type);
  }

  /** The close of this connection, whoever ends it. */
  end(): Promise<{ code: number; reason: string }> {
    return before(this.closed, () => 'the close of a PeerJS socket');
  }
}

/** Opens a PeerJS socket without waiting for anything. */
export function dial(url: string, query: Record<string, string>, options: ClientOptions = {}): PeerWire {
  // A token that is a part of the public ID is no secret.
  if (!query.id?.includes(query.token ?? '')) guardSession(query.token);
  const address = `${url.replace(/^http/, 'ws')}/peerjs/peerjs?${new URLSearchParams({ key: 'peerjs', ...query }).toString()}`;
  return new PeerWire(new WebSocket(address, options));
}

/** A peer that the broker has opened. */
export async function peer(url: string, id: string, token = `token-${id}`): Promise<PeerWire> {
  const wire = dial(url, { id, token });
  await wire.next('OPEN');
  return wire;
}

/** The body and status of a GET. */
export async function get(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

/** The outcome of an upgrade request that is refused: its HTTP status and body. */
export function refusedUpgrade(
  url: string,
  headers: Record<string, string> = {},
  options: ClientOptions = {},
): Promise<{ status: number; body: unknown }> {
  const ws = new WebSocket(url.replace(/^http/, 'ws'), { ...options, headers });
  const outcome = new Promise<{ status: number; body: unknown }>((resolve, reject) => {
    ws.on('open', () => reject(new Error('the upgrade was accepted')));
    ws.on('error', reject);
    ws.on('unexpected-response', (_req, res) => {
      let text = '';
      res.on('data', (chunk: Buffer) => (text += chunk.toString()));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, body: JSON.parse(text) as unknown }));
    });
  });
  return before(outcome, () => `an answer to the upgrade of ${url}`).finally(() => ws.terminate());
}

export const portOf = (address: string | AddressInfo | null): number => (address as AddressInfo).port;

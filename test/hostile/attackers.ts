// What attackers come with: addresses of their own, raw wires where a well-behaved client would refuse to send.

import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect as tcpConnect, type Socket as TcpSocket } from 'node:net';
import { onTestFinished } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';
import { before, dial, Inbox, PeerWire, type ConnectOptions } from '../helpers';
import type { ServerUnderAttack } from './siege';

/** All of 127.0.0.0/8 is this machine; the innocents come from 127.0.0.1. */
export const ATTACKER = '127.0.0.2';

/** Options for `connect` and `participant` of helpers.ts that make them come from another address. */
export function from(localAddress = ATTACKER): ConnectOptions {
  // Engine.IO's types know agents of browsers only, its WebSocket transport hands this to `ws`.
  return { agent: new Agent({ localAddress }) as unknown as string, reconnection: false };
}

/** JSON text nested this deep; `JSON.stringify` would overflow the stack long before `JSON.parse` does. */
export const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

const socketOf = (ws: WebSocket) => (ws as unknown as { _socket: TcpSocket })._socket;

/** Stops to read what comes, as a sleeping phone does. The kernel's buffers fill, then the server's. */
export const stopReading = ({ ws }: { ws: WebSocket }) => void socketOf(ws).pause();
export const readAgain = ({ ws }: { ws: WebSocket }) => void socketOf(ws).resume();

/** Writes bytes past the WebSocket client, which would never send them. */
export const writeRaw = ({ ws }: { ws: WebSocket }, ...bytes: (number | Buffer | string)[]) =>
  void socketOf(ws).write(
    Buffer.concat(bytes.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part)))),
  );

/** Sends all of it in one piece, so that the server finds the second frame right behind the first. */
export function inOneBreath(wire: { ws: WebSocket }, send: () => void): void {
  socketOf(wire.ws).cork();
  send();
  socketOf(wire.ws).uncork();
}

/** Dials the broker from an attacker's address. */
export function dialFrom(
  server: ServerUnderAttack,
  query: Record<string, string>,
  options: ClientOptions = {},
): PeerWire {
  return dial(server.url, query, { localAddress: ATTACKER, ...options });
}

/** A peer of the attacker, opened. */
export async function evilPeer(server: ServerUnderAttack, id: string, options: ClientOptions = {}): Promise<PeerWire> {
  const wire = dialFrom(server, { id, token: `token-${id}` }, options);
  await wire.next('OPEN');
  return wire;
}

/** Dials the broker with a query that no client would make. */
export function dialRaw({ port }: ServerUnderAttack, query: string): PeerWire {
  return new PeerWire(new WebSocket(`ws://127.0.0.1:${port}/peerjs/peerjs?${query}`, { localAddress: ATTACKER }));
}

/** Settles once the broker has handled every frame that this peer sent before: it gets one of its own back. */
export async function peerFence(wire: PeerWire, id: string): Promise<void> {
  wire.send({ type: 'CANDIDATE', dst: id, payload: 'fence' });
  await wire.inbox.next(({ src, payload }) => src === id && payload === 'fence', 'the fence of a peer');
}

/** A Socket.IO client reduced to its WebSocket: it sends packets as they are, and remembers those that come. */
export class EngineWire {
  readonly ws: WebSocket;
  readonly inbox = new Inbox<string>();
  readonly #closed: Promise<number>;

  constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on('message', (data) => this.inbox.put((data as Buffer).toString()));
    // The close tells what there is to know.
    ws.on('error', () => undefined);
    this.#closed = new Promise((resolve) => ws.on('close', resolve));
    onTestFinished(() => ws.terminate());
  }

  /** A wire of which Engine.IO knows and Socket.IO does not yet. */
  static async open({ port }: ServerUnderAttack, localAddress = ATTACKER): Promise<EngineWire> {
    const address = `ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`;
    const wire = new EngineWire(new WebSocket(address, { localAddress }));
    await wire.next('0{');
    return wire;
  }

  /** A wire that is connected to a namespace. */
  static async connect(server: ServerUnderAttack, namespace = '/', localAddress = ATTACKER): Promise<EngineWire> {
    const wire = await EngineWire.open(server, localAddress);
    wire.send(`40${prefix(namespace)}`);
    await wire.next(`40${prefix(namespace)}{`);
    await wire.next(`42${prefix(namespace)}["call:ice-servers"`);
    return wire;
  }

  send(packet: string | Buffer): void {
    this.ws.send(packet);
  }

  /** The next packet that begins so. */
  next(start: string): Promise<string> {
    return this.inbox.next((packet) => packet.startsWith(start), `a packet ${start}`);
  }

  /** Sends an event whose arguments are JSON text, and gives the acknowledgement. */
  async ask(namespace: string, id: number, args: string): Promise<{ success: boolean; code?: string }> {
    this.send(`42${prefix(namespace)}${id}[${args}]`);
    const start = `43${prefix(namespace)}${id}[`;
    const answer = await this.next(start);
    return (JSON.parse(answer.slice(start.length - 1)) as [{ success: boolean; code?: string }])[0];
  }

  /** The close code of this connection, whoever ends it. */
  end(): Promise<number> {
    return before(this.#closed, () => `the close of a Socket.IO wire; came: ${this.inbox.rest().slice(-5).join(' ')}`);
  }
}

/** How a packet names its namespace: `/` goes without saying. */
export const prefix = (namespace: string) => (namespace === '/' ? '' : `${namespace},`);

export interface HttpAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

export interface HttpQuestion {
  path: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  localAddress?: string;
}

/** One request, from an attacker's address. An upgrade counts as answered only if it is refused. */
export function ask({ port }: ServerUnderAttack, question: HttpQuestion): Promise<HttpAnswer> {
  const { body, localAddress = ATTACKER, ...options } = question;
  const answer = new Promise<HttpAnswer>((resolve, reject) => {
    const req = httpRequest({ host: '127.0.0.1', port, localAddress, agent: false, ...options }, (res) => {
      let text = '';
      res.on('data', (chunk: Buffer) => (text += chunk.toString()));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, text }));
    });
    req.on('upgrade', (_res, socket) => {
      socket.destroy();
      reject(new Error(`the upgrade of ${question.path.slice(0, 100)} was accepted`));
    });
    req.on('error', reject);
    req.end(body);
  });
  return before(answer, () => `an answer to ${question.path.slice(0, 100)}`);
}

/** The headers of a WebSocket upgrade, for `ask`. */
export const UPGRADE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** A bare TCP connection, and everything that was answered on it. */
export class TcpWire {
  readonly socket: TcpSocket;
  readonly #closed: Promise<void>;
  readonly #arrivals = new Inbox<string>();
  #text = '';

  constructor({ port }: ServerUnderAttack) {
    this.socket = tcpConnect({ port, host: '127.0.0.1', localAddress: ATTACKER });
    this.socket.on('error', () => undefined);
    this.socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1');
      this.#arrivals.put(this.#text);
    });
    this.#closed = new Promise((resolve) => this.socket.on('close', () => resolve()));
    onTestFinished(() => void this.socket.destroy());
  }

  send(bytes: string | Buffer): this {
    this.socket.write(bytes);
    return this;
  }

  /** Everything that came, as soon as that contains `part`. */
  async answer(part: string): Promise<string> {
    return this.#arrivals.next((text) => text.includes(part), JSON.stringify(part));
  }

  /** Everything that came until the server ended the connection. */
  async end(): Promise<string> {
    await before(this.#closed, () => `the end of a TCP connection; came so far: ${this.#text}`);
    return this.#text;
  }
}

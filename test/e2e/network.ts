// The network between pages and server, which tests can take away: a TCP proxy that knows nothing of HTTP.

import { createHash } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as elapse } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { listenOnLoopback } from '../free-port';

/** One connection: the page's end of it and the server's. */
interface Wire {
  near: Socket;
  far: Socket;
  /** What it asked the server for first. */
  request: string;
}

/** What the network does to WebSocket upgrades: `cut` ends each WebSocket two seconds after it opened. */
export type WebSocketPolicy = 400 | 403 | 426 | 502 | 'strip' | 'swallow' | 'silence' | 'cut';

const CUT_MS = 2000;

export class Network {
  /** Changes take effect on later upgrades. */
  webSockets: WebSocketPolicy | undefined;
  /** How the pages reach the server through this network. */
  readonly url: string;
  readonly #wires = new Set<Wire>();
  #isUp = true;
  #awake = Promise.resolve();

  private constructor(port: number) {
    this.url = `http://127.0.0.1:${port}`;
  }

  /** A network in front of a server's port, gone when the test ends. */
  static async to(serverPort: number): Promise<Network> {
    const proxy = createServer((near) => void network.#carry(near, serverPort));
    const network = new Network(await listenOnLoopback(proxy));
    onTestFinished(() => {
      network.cut();
      proxy.close();
    });
    return network;
  }

  /** Breaks every connection without a goodbye of any protocol above TCP, and lets nobody through any more. */
  cut(): void {
    this.#isUp = false;
    for (const { near, far } of this.#wires) {
      near.destroy();
      far.destroy();
    }
  }

  /** Breaks those connections alone that were opened to a path. */
  cutThoseTo(path: string): void {
    for (const { near, far, request } of this.#wires) {
      if (!request.startsWith(`GET ${path}`)) continue;
      near.destroy();
      far.destroy();
    }
  }

  restore(): void {
    this.#isUp = true;
  }

  /** Takes connections and gives no answer, like a host that has to wake up first; until it is awake. */
  fallAsleep(): () => void {
    let awake: () => void = () => undefined;
    this.#awake = new Promise((resolve) => (awake = resolve));
    return awake;
  }

  /** The network is lost for so long. The one place where time itself is what a test is about. */
  async outage(lengthMs: number): Promise<void> {
    this.cut();
    await elapse(lengthMs);
    this.restore();
  }

  /** Breaks the pages' ends of all connections alone, as when a phone changes networks: the server hears nothing. */
  strand(): void {
    for (const { near, far } of this.#wires) {
      near.unpipe(far);
      near.destroy();
    }
  }

  /** Applies the policy to an upgrade. Returns whether the request must not reach the server as it is. */
  #hinders({ near, far, request }: Wire): boolean {
    const policy = this.webSockets;
    if (policy === undefined) return false;
    if (typeof policy === 'number')
      near.end(`HTTP/1.1 ${policy} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    if (policy === 'strip') far.write(request.replace(/^(upgrade|connection):.*\r\n/gim, ''), 'latin1');
    if (policy === 'silence') {
      const key = /^sec-websocket-key: (.*)\r$/im.exec(request)?.[1] ?? '';
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      near.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
    }
    if (policy !== 'cut') return true;
    setTimeout(() => near.destroy(), CUT_MS);
    return false;
  }

  async #carry(near: Socket, serverPort: number): Promise<void> {
    near.on('error', () => undefined);
    await this.#awake;
    if (!this.#isUp || near.destroyed) {
      near.destroy();
      return;
    }
    const far = connect(serverPort, '127.0.0.1');
    const wire: Wire = { near, far, request: '' };
    this.#wires.add(wire);
    near.once('data', (chunk: Buffer) => {
      wire.request = chunk.toString('latin1');
      if (/^upgrade: websocket/im.test(wire.request) && this.#hinders(wire)) return;
      far.write(chunk);
      near.pipe(far);
    });
    far.pipe(near);
    // An error at one end ends the other without a goodbye, too.
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    far.on('close', () => this.#wires.delete(wire));
  }
}

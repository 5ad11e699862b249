// The connections of the HTTP server: how many there may be, and how long a client may take to send a request.

import type { EventEmitter } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { CallError } from '../errors';
import type { Logger } from '../logger';
import type { ConnectionLimits } from './descriptors';
import { networkOf } from './limits';
import type { Proxies } from './proxies';

/** How long a client may take to send the head of a request, and then its body, in milliseconds. */
export interface RequestTimeouts {
  head: number;
  body: number;
}

/** How many connections beyond the limits are kept, to answer health checks and to refuse everything else. */
const MAX_SPARE = 32;
const LOG_INTERVAL_MS = 60_000;
const SWEEP_INTERVAL_MS = 1000;

/** All connections, or those of one client. */
interface Group {
  /** What clients count as; undefined for all connections. */
  readonly client: string | undefined;
  count: number;
  /** Connections that wait for a request. The first has waited for the longest time. */
  readonly idle: Set<Connection>;
  loggedAt: number;
}

interface Connection {
  readonly socket: Socket;
  /** The groups that count it; none for a connection beyond a limit. */
  readonly groups: Group[];
  /** The answer to its requests if it is beyond a limit. */
  readonly refusal: CallError | undefined;
  /** The request that is being handled; `upgraded` for good after an upgrade. */
  request: IncomingMessage | 'upgraded' | undefined;
  /** When the wait for a request head or a body began. */
  since: number;
  /** `socket.bytesRead` after the last request; undefined before the first. */
  bytesBefore: number | undefined;
}

export interface ConnectionsOptions {
  limits: ConnectionLimits;
  proxies: Proxies;
  log: Logger;
}

export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #all = newGroup();
  readonly #clients = new Map<string, Group>();
  readonly #spare = new Set<Connection>();
  /** By remote address and port, because the socket of an HTTPS request is not that of its connection. */
  readonly #connections = new Map<string, Connection>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /** Limits the connections of our own server, and destroys those of slow clients. */
  watch(server: Server, timeouts: RequestTimeouts): void {
    server.on('connection', (socket: Socket) => this.#open(socket));
    const sweep = setInterval(() => this.#endSlow(timeouts), SWEEP_INTERVAL_MS).unref();
    server.once('close', () => clearInterval(sweep));
  }

  /** Call it for each request of that server, when its turn has come. The connection is busy until `res` emits `close`. */
  begin(req: IncomingMessage, res: EventEmitter): void {
    const connection = this.#connectionOf(req);
    if (!connection) return;
    this.#setBusy(connection, req);
    res.once('close', () => {
      // Pipelined, the next request may have begun.
      if (connection.request === req) this.#wait(connection);
    });
  }

  /** As `admit`, for an upgrade. Its connection is busy for good. */
  admitUpgrade(req: IncomingMessage): void {
    const connection = this.#connectionOf(req);
    if (connection) this.#setBusy(connection, 'upgraded');
    this.admit(req, req.socket);
  }

  /**
   * Throws `RATE_LIMITED` or `UNAVAILABLE` for a request beyond a limit. A request through a trusted proxy, or to a server
   * that is not ours, counts for its client until `end` emits `close`.
   */
  admit(req: IncomingMessage, end: EventEmitter): void {
    const { proxies, limits } = this.#options;
    const connection = this.#connectionOf(req);
    if (connection?.refusal) throw connection.refusal;
    if (req.socket.destroyed) return;
    const isProxied = proxies.isProxy(req.socket.remoteAddress);
    const address = proxies.clientAddressOf(req);
    // The first is counted already. The second is a proxy that asks for itself or does not name its client.
    if (isProxied ? address === req.socket.remoteAddress : connection) return;
    const client = networkOf(address);
    const group = this.#clients.get(client);
    if (group && group.count >= limits.perAddress) throw this.#refuse(group);
    const joined = this.#join(client);
    end.once('close', () => this.#leave(joined));
  }

  /** Whether the connection of a request is beyond a limit, so that it should end with the response. */
  isSpare(req: IncomingMessage): boolean {
    return this.#connectionOf(req)?.refusal !== undefined;
  }

  /** Destroys connections that sent nothing. Browsers open connections in advance, and Node.js counts these as busy. */
  endUnused(): void {
    for (const { socket } of this.#connections.values()) if (socket.bytesRead === 0) socket.destroy();
  }

  endAll(): void {
    for (const { socket } of this.#connections.values()) socket.destroy();
  }

  #open(socket: Socket): void {
    const { remoteAddress } = socket;
    // Without an address, the client has reset it already.
    if (remoteAddress === undefined) return void socket.destroy();
    const client = this.#options.proxies.isProxy(remoteAddress) ? undefined : networkOf(remoteAddress);
    const refusal = this.#makeRoom(client);
    const groups = refusal ? [] : [this.#all, ...(client === undefined ? [] : [this.#join(client)])];
    if (!refusal) this.#all.count += 1;
    const connection = {
      socket,
      groups,
      refusal,
      request: undefined,
      since: performance.now(),
      bytesBefore: undefined,
    };
    for (const group of groups) group.idle.add(connection);
    if (refusal) this.#keepSpare(connection);
    const key = keyOf(socket);
    this.#connections.set(key, connection);
    socket.once('close', () => {
      this.#connections.delete(key);
      this.#release(connection);
    });
  }

  /** Destroys an idle connection if a limit is reached. Returns the refusal if there is none. */
  #makeRoom(client: string | undefined): CallError | undefined {
    const { perAddress, total } = this.#options.limits;
    const group = client === undefined ? undefined : this.#clients.get(client);
    if (group && group.count >= perAddress && !this.#endLongestIdle(group)) return this.#refuse(group);
    if (this.#all.count >= total && !this.#endLongestIdle(this.#all)) return this.#refuse(this.#all);
    return undefined;
  }

  #endLongestIdle(group: Group): boolean {
    const [connection] = group.idle;
    if (!connection) return false;
    this.#logLimit(group);
    connection.socket.destroy();
    // Not only when the socket emits `close`: the next connection may come before.
    this.#release(connection);
    return true;
  }

  #refuse(group: Group): CallError {
    this.#logLimit(group);
    return group === this.#all
      ? new CallError('UNAVAILABLE', { detail: 'too many connections', retryAfterMs: 1000 })
      : new CallError('RATE_LIMITED', { detail: 'too many connections from one address', retryAfterMs: 1000 });
  }

  #logLimit(group: Group): void {
    const now = performance.now();
    if (now - group.loggedAt < LOG_INTERVAL_MS) return;
    group.loggedAt = now;
    const { client: address, count: connections } = group;
    this.#options.log.warn({ ...(address !== undefined && { address }), connections }, 'connection limit reached');
  }

  /** The oldest spare connection makes room for the newest. */
  #keepSpare(connection: Connection): void {
    this.#spare.add(connection);
    const [oldest] = this.#spare;
    if (this.#spare.size <= MAX_SPARE || !oldest) return;
    oldest.socket.destroy();
    this.#release(oldest);
  }

  #join(client: string): Group {
    const group = this.#clients.get(client) ?? newGroup(client);
    this.#clients.set(client, group);
    group.count += 1;
    return group;
  }

  #leave(group: Group): void {
    group.count -= 1;
    if (group.count === 0 && group.client !== undefined) this.#clients.delete(group.client);
  }

  #release(connection: Connection): void {
    this.#spare.delete(connection);
    for (const group of connection.groups.splice(0)) {
      group.idle.delete(connection);
      this.#leave(group);
    }
  }

  #setBusy(connection: Connection, request: IncomingMessage | 'upgraded'): void {
    connection.request = request;
    connection.since = performance.now();
    for (const group of connection.groups) group.idle.delete(connection);
  }

  #wait(connection: Connection): void {
    connection.request = undefined;
    connection.since = performance.now();
    connection.bytesBefore = connection.socket.bytesRead;
    for (const group of connection.groups) group.idle.add(connection);
  }

  #endSlow({ head, body }: RequestTimeouts): void {
    const now = performance.now();
    for (const connection of this.#connections.values()) {
      const { request, socket, bytesBefore } = connection;
      if (request === 'upgraded') continue;
      const isWaiting = request ? !request.complete : bytesBefore === undefined || socket.bytesRead > bytesBefore;
      // Between two requests, the time begins with the first byte.
      if (!isWaiting) connection.since = now;
      else if (now - connection.since > (request ? body : head)) socket.destroy();
    }
  }

  #connectionOf({ socket }: IncomingMessage): Connection | undefined {
    return this.#connections.get(keyOf(socket));
  }
}

const newGroup = (client?: string): Group => ({ client, count: 0, idle: new Set(), loggedAt: -Infinity });

const keyOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress ?? ''} ${remotePort ?? ''}`;

// The connections of the HTTP server: how many there may be, and how long a client may take to send a request.

import type { EventEmitter } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { CallError } from '../errors';
import type { RefusalLog } from '../refusal-log';
import type { ConnectionLimits } from './descriptors';
import type { Sessions } from './engine';
import { networkOf } from './limits';
import type { Proxies } from './proxies';

/** How long a client may take to send the head of a request, and then its body, in milliseconds. */
export interface RequestTimeouts {
  head: number;
  body: number;
}

/** How many connections beyond the limits are kept: for health checks, for long polling, and to refuse everything else. */
const MAX_SPARE = 32;
/** How long a connection is idle at least before another one of the same client takes its place. */
const MIN_IDLE_MS = 1000;
const SWEEP_INTERVAL_MS = 1000;

/** All connections, or those of one client. */
interface Group {
  /** What clients count as; undefined for all connections. */
  readonly client: string | undefined;
  count: number;
  /** Connections that wait for a request. The first has waited for the longest time. */
  readonly idle: Set<Connection>;
}

interface Connection {
  readonly socket: Socket;
  /** The groups that count it; none for a connection beyond a limit. */
  readonly groups: Group[];
  /** The answer to its requests if it is beyond a limit. */
  readonly refusal: CallError | undefined;
  /** The request that is being handled; `upgraded` for good after an upgrade. */
  request: IncomingMessage | 'upgraded' | undefined;
  /** The Engine.IO session of the last request. */
  session: string | undefined;
  /** When the wait for a request head or a body began. */
  since: number;
  /** When it began to wait for a request. */
  idleSince: number;
  /** `socket.bytesRead` after the last request; undefined before the first. */
  bytesBefore: number | undefined;
}

export interface ConnectionsOptions {
  limits: ConnectionLimits;
  proxies: Proxies;
  sessions: Sessions;
  refusals: RefusalLog;
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
      if (connection.request === req) this.#wait(connection, req);
    });
  }

  /**
   * Throws `RATE_LIMITED` or `UNAVAILABLE` for a request beyond a limit. A long-polling client that is connected already
   * is admitted, because a refusal would end its connection. A request counts until `res` emits `close`.
   */
  admit(req: IncomingMessage, res: EventEmitter): void {
    this.#count(req, res, this.#options.sessions.idOf(req) !== undefined);
  }

  /** As `admit`, for an upgrade. Its connection is busy for good. */
  admitUpgrade(req: IncomingMessage): void {
    const connection = this.#connectionOf(req);
    if (connection) this.#setBusy(connection, 'upgraded');
    // A client that must not upgrade continues with long polling.
    this.#count(req, req.socket, false);
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

  /**
   * Our own server has counted a connection when it was opened, for its client unless it is that of a trusted proxy. What is
   * missing of that is counted here, until `end` emits `close`.
   */
  #count(req: IncomingMessage, end: EventEmitter, isContinued: boolean): void {
    const { proxies, limits } = this.#options;
    const { socket } = req;
    const connection = this.#connectionOf(req);
    if (connection?.refusal && !isContinued) throw connection.refusal;
    if (socket.destroyed) return;
    const address = proxies.clientAddressOf(req);
    // A trusted proxy that sends a request of its own, or does not name the client, counts only in the total.
    const isNamed = !proxies.isProxy(socket.remoteAddress) || address !== socket.remoteAddress;
    const isCounted = connection && !proxies.isProxy(socket.remoteAddress);
    const client = isNamed && !isCounted ? networkOf(address) : undefined;
    // Each connected client has at most two requests at once, so this is bounded by the limit of new connections.
    const factor = isContinued ? 2 : 1;
    if (!connection && this.#all.count >= limits.total * factor) throw this.#refuse(this.#all);
    const group = client === undefined ? undefined : this.#clients.get(client);
    if (group && group.count >= limits.perAddress * factor) throw this.#refuse(group);
    const groups = [...(connection ? [] : [this.#all]), ...(client === undefined ? [] : [this.#groupOf(client)])];
    for (const each of groups) each.count += 1;
    if (groups.length > 0)
      end.once('close', () => {
        for (const each of groups) this.#leave(each);
      });
  }

  #open(socket: Socket): void {
    const { remoteAddress } = socket;
    // Without an address, the client has reset it already.
    if (remoteAddress === undefined) return void socket.destroy();
    const client = this.#options.proxies.isProxy(remoteAddress) ? undefined : networkOf(remoteAddress);
    const refusal = this.#makeRoom(client);
    const groups = refusal ? [] : [this.#all, ...(client === undefined ? [] : [this.#groupOf(client)])];
    const now = performance.now();
    const connection: Connection = {
      socket,
      groups,
      refusal,
      request: undefined,
      session: undefined,
      since: now,
      idleSince: now,
      bytesBefore: undefined,
    };
    for (const group of groups) {
      group.count += 1;
      group.idle.add(connection);
    }
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
    const latest = performance.now() - (group === this.#all ? 0 : MIN_IDLE_MS);
    const isUnused = ({ session, idleSince }: Connection) => idleSince <= latest && !this.#isPolling(session);
    const connection = [...group.idle].find(isUnused);
    if (!connection) return false;
    this.#logLimit(group);
    connection.socket.destroy();
    // Not only when the socket emits `close`: the next connection may come before.
    this.#release(connection);
    return true;
  }

  /** Whether a client that uses long polling is about to send the next request. */
  #isPolling(session: string | undefined): boolean {
    return session !== undefined && this.#options.sessions.isPolling(session);
  }

  #refuse(group: Group): CallError {
    this.#logLimit(group);
    return group === this.#all
      ? new CallError('UNAVAILABLE', { detail: 'too many connections', retryAfterMs: 1000 })
      : new CallError('RATE_LIMITED', { detail: 'too many connections from one address', retryAfterMs: 1000 });
  }

  #logLimit(group: Group): void {
    const { client: address, count: connections } = group;
    this.#options.refusals.warn({ address, kind: 'connection limit' }, { connections }, 'connection limit reached');
  }

  /** The oldest spare connection makes room for the newest, preferably one without a request. */
  #keepSpare(connection: Connection): void {
    const all = [...this.#spare];
    this.#spare.add(connection);
    const oldest = all.find(({ request }) => request === undefined) ?? all[0];
    if (all.length < MAX_SPARE || !oldest) return;
    oldest.socket.destroy();
    this.#release(oldest);
  }

  #groupOf(client: string): Group {
    const group = this.#clients.get(client) ?? newGroup(client);
    this.#clients.set(client, group);
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

  #wait(connection: Connection, req: IncomingMessage): void {
    connection.session = this.#options.sessions.idOf(req);
    connection.request = undefined;
    connection.since = connection.idleSince = performance.now();
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

const newGroup = (client?: string): Group => ({ client, count: 0, idle: new Set() });

const keyOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress ?? ''} ${remotePort ?? ''}`;

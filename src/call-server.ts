// Puts the house together: domain, doors and the server they share; and takes it apart again.

import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { Application } from 'express';
import * as z from 'zod';
import type { Backplane } from './backplane/index';
import { createMemoryBackplane } from './backplane/memory';
import { createRedisBackplane } from './backplane/redis';
import { monotonicNow } from './clock';
import { iceWarnings, readOptions, secretsOf, type Config, type ConfigOptions } from './config';
import { PeerDirectory } from './directory';
import { PEER_SOCKET_PATH } from './doors';
import { CallError } from './errors';
import { createIceResolver } from './ice';
import type { Identity } from './identity';
import { createLogger, type Logger } from './logger';
import { redactingLogger } from './redacting-logger';
import { createRedactor } from './redaction';
import { RefusalLog } from './refusal-log';
import { Rooms } from './rooms';
import { Connections } from './transport/connections';
import { connectionLimitsOf } from './transport/descriptors';
import { checkProtocol, createEngine } from './transport/engine';
import { createApp } from './transport/http';
import { createListener } from './transport/listener';
import { LateDisconnects } from './transport/late-disconnects';
import { AddressLimit } from './transport/limits';
import { originCheckOf } from './transport/origins';
import { keepPathsFree, requireFreePaths, type NeededPath } from './transport/path-conflicts';
import { createPeers } from './transport/peers';
import { Proxies } from './transport/proxies';
import { Sockets } from './transport/sockets';
import { takeUpgrades } from './transport/upgrade';
import { requireSingleWorker } from './workers';

export interface CallServerOptions extends ConfigOptions {
  /** Mounts on an application of yours instead of standing alone. `server` must be the one that serves `app`. */
  mount?: { app: Application; server: Server } | undefined;
  /** Serves HTTPS with it, and sends who comes by plain HTTP there. Of no use when mounted: then the host listens. */
  identity?: Identity | undefined;
  log?: Logger | undefined;
  /** What differs between one node and several; one of ours unless given, by `redis`. */
  backplane?: Backplane | undefined;
}

export interface CallServer {
  /** The HTTP server that all doors share. */
  readonly server: Server;
  /** Whether the demo is served. */
  readonly hasDemo: boolean;
  /** Starts to listen, when it stands alone. Gives the address; rejects as `server.listen` would. */
  listen(port?: number, host?: string): Promise<AddressInfo>;
  /** Lets the identity renew itself, and serves new connections with what came of it. Tells whether that is new. */
  renewIdentity(): Promise<boolean>;
  /** Stops gently: nobody joins any more, everybody is told, what is under way is finished, then all is closed. */
  close(): Promise<void>;
}

const withMethods = (what: string, ...methods: string[]) =>
  z.custom(
    (value) => methods.every((name) => typeof (value as Record<string, unknown> | null)?.[name] === 'function'),
    { error: what },
  );

/** The options that are no configuration. */
const partSchemas = {
  mount: z
    .object({
      app: withMethods('an Express application', 'use'),
      server: withMethods('the http.Server that serves app', 'on', 'emit'),
    })
    .describe('an object with app and server')
    .optional(),
  identity: withMethods('an Identity', 'renew').optional(),
  log: withMethods('a pino logger', 'trace', 'debug', 'info', 'warn', 'error', 'fatal').optional(),
  backplane: withMethods('a Backplane', 'opened', 'close').optional(),
} satisfies Record<Exclude<keyof CallServerOptions, keyof Config>, z.ZodType>;

/**
 * Throws a `ConfigError` with the code `INVALID_CONFIG` for wrong options, and an error with the code `PATH_TAKEN` if another
 * Socket.IO or PeerJS server is attached to the server on the same path. Throws a `WorkersError` in one of several workers of
 * node:cluster or PM2 without `redis`.
 */
export function createCallServer(options: CallServerOptions = {}): CallServer {
  const given = readOptions(options, partSchemas);
  const { mount, identity, log: givenLog, backplane: givenBackplane } = options;
  const config = { ...given, demo: given.demo ?? (!mount && given.environment === 'development') };
  const log = givenLog ? redactingLogger(givenLog, createRedactor(secretsOf(config))) : createLogger(config);
  for (const warning of iceWarnings(config)) log.warn(warning);
  const needed = neededPaths(config);
  if (mount) requireFreePaths(mount.server, needed);
  if (!givenBackplane && !config.redis) requireSingleWorker();
  const backplane = givenBackplane ?? openBackplane(config, log);
  const refusals = new RefusalLog(log, monotonicNow);
  const { windowMs, requests, connections } = config.rateLimits;

  const proxies = new Proxies(config);
  const clientAddressOf = (req: IncomingMessage) => proxies.clientAddressOf(req);
  const { engine, flushed, sessions } = createEngine(clientAddressOf);
  const limits = connectionLimitsOf(config, log);
  const openConnections = new Connections({ limits, proxies, sessions, refusals });
  const { keepAliveTimeoutMs } = config;
  const listener = createListener({
    credentials: identity?.credentials,
    connections: openConnections,
    proxies,
    keepAliveTimeoutMs,
  });
  const server = mount?.server ?? listener.server;
  const iceServers = createIceResolver(config);
  const rooms = new Rooms(backplane.rooms, {
    ...config,
    clock: () => backplane.clock(),
    wallClock: () => backplane.wallClock(),
  });
  const directory = new PeerDirectory(backplane.peers, backplane.rooms);
  const { node, post, peers: presence, frames } = backplane;
  const lateDisconnects = new LateDisconnects();
  const sockets = new Sockets({ engine, rooms, node, post, iceServers, lateDisconnects, config, log, refusals });
  const peers = createPeers({
    server,
    presence,
    frames,
    rateLimits: config.rateLimits,
    clientAddressOf,
    log,
    refusals,
  });

  let isDraining = false;
  let isClosed = false;
  const isAllowed = originCheckOf(config.corsOrigins, proxies);
  const requestLimit = new AddressLimit(backplane.limiter('requests', requests, windowMs));
  const connectionLimit = new AddressLimit(backplane.limiter('connections', connections, windowMs));
  const admitOrigin = (req: IncomingMessage) => {
    if (!isAllowed(req)) throw new CallError('ORIGIN_NOT_ALLOWED');
  };
  const admitConnection = async (req: IncomingMessage) => {
    if (isDraining) throw new CallError('SHUTTING_DOWN');
    await connectionLimit.take(clientAddressOf(req));
  };

  const app = createApp(
    {
      config,
      rooms,
      directory,
      iceServers,
      isHealthy: () => backplane.isHealthy(),
      isDraining: () => isDraining,
      isClosed: () => isClosed,
      proxies,
      connections: openConnections,
      admitOrigin,
      admitRequest: (req) => requestLimit.take(clientAddressOf(req)),
      admitPolling: async (req) => {
        if (sessions.idOf(req) === undefined) await admitConnection(req);
      },
      lateDisconnects,
      peers: peers.app,
      engine,
      authority: mount ? undefined : identity?.authority,
      log,
      refusals,
    },
    mount !== undefined,
  );
  if (mount) mount.app.use(app);
  else listener.serve(app);

  const allowAllPaths = keepPathsFree(server, needed, log);
  const giveUpgradesBack = takeUpgrades({
    server,
    clientAddressOf,
    refusals,
    doors: {
      [config.socketPath]: (req, socket, head) => {
        checkProtocol(req);
        engine.handleUpgrade(req, socket, head);
      },
      [PEER_SOCKET_PATH]: (req, socket, head) => peers.upgrade(req, socket, head),
    },
    admit: async (req) => {
      admitOrigin(req);
      openConnections.admitUpgrade(req);
      // A long-polling client that upgrades is connected already.
      if (!req.url?.startsWith(config.socketPath) || sessions.idOf(req) === undefined) await admitConnection(req);
    },
  });

  const finish = async () => {
    await sockets.idle();
    await flushed();
  };
  const closeAll = async () => {
    const deadline = performance.now() + config.shutdownGraceMs;
    const timeLeft = () => deadline - performance.now();
    isDraining = true;
    sockets.drain();
    // Half of the time for what is under way, so that half is left to close in.
    await within(config.shutdownGraceMs / 2, finish());
    await within(timeLeft(), Promise.all([sockets.close(), peers.close()]));
    giveUpgradesBack();
    allowAllPaths();
    isClosed = true;
    refusals.close();
    await within(timeLeft(), listener.close());
    listener.terminate();
    await backplane.close();
  };
  let closing: Promise<void> | undefined;

  const renewIdentity = async () => {
    if (!identity || !(await identity.renew())) return false;
    listener.setCredentials(identity.credentials);
    return true;
  };

  return {
    server,
    hasDemo: config.demo,
    renewIdentity,
    listen: async (port = config.port, host = config.host) => {
      if (mount) throw new Error('The server it is mounted on listens itself.');
      await backplane.opened();
      const address = await listener.listen(port, host);
      log.info({ maxConnections: limits.total, maxConnectionsPerAddress: limits.perAddress }, 'connection limits set');
      return address;
    },
    close: () => (closing ??= closeAll()),
  };
}

function neededPaths({ socketPath }: Config): NeededPath[] {
  const change = 'Set the option socketPath (SOCKET_PATH) to another path, also in the SDK';
  return [
    {
      path: socketPath,
      protocol: 'Socket.IO or WebSocket',
      remedy: `${change}, or attach that server to another path.`,
    },
    { path: PEER_SOCKET_PATH, protocol: 'PeerJS or WebSocket', remedy: 'Attach that server to another path.' },
  ];
}

/** One node, or several that share a Redis: here it is decided, and nowhere else. */
function openBackplane(
  { redis, reconnectGraceMs: graceMs, maxParticipants: capacity }: Config,
  log: Logger,
): Backplane {
  return redis ? createRedisBackplane({ ...redis, graceMs, capacity, log }) : createMemoryBackplane();
}

/** Settles with the promise, or when the time is up. */
async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  const time = new AbortController();
  const timeIsUp = setTimeout(Math.max(ms, 0), undefined, { signal: time.signal, ref: false }).catch(() => undefined);
  await Promise.race([promise, timeIsUp]).finally(() => time.abort());
}

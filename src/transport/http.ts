// The REST door: routes that ask the domain and answer in JSON. It also lets HTTP in to the other two doors.

import cors from 'cors';
import type { Server as EngineServer } from 'engine.io';
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import helmet from 'helmet';
import type { ZodType } from 'zod';
import type { Config } from '../config';
import { describe, type PeerDirectory } from '../directory';
import {
  API_PATH,
  AUTHORITY_PATH,
  CLIENT_PATH,
  DEMO_PATH,
  NAMESPACES,
  PEER_KEY,
  PEER_PATH,
  socketClientFiles,
  TRUST_PATH,
} from '../doors';
import { CallError, toCallError, toRefusal } from '../errors';
import type { IceResolver } from '../ice';
import type { Identity } from '../identity';
import type { Logger } from '../logger';
import {
  clientEvents,
  meetingId as meetingIdSchema,
  peerId as peerIdSchema,
  serverEvents,
  type ClientConfig,
  type Health,
  type RoomInfo,
  type Stats,
} from '../protocol';
import type { RefusalLog } from '../refusal-log';
import type { Rooms } from '../rooms';
import { version } from '../../package.json';
import type { Connections } from './connections';
import { checkProtocol, queryOf } from './engine';
import { clientFiles, clientPaths, demoFiles, demoLink, socketClient } from './files';
import type { LateDisconnects } from './late-disconnects';
import { inTurn } from './pipelining';
import type { Proxies } from './proxies';
import { collapseSlashes } from './slashes';
import { trustRoutes } from './trust';

export interface HttpOptions {
  config: Config;
  rooms: Rooms;
  directory: PeerDirectory;
  iceServers: IceResolver;
  isHealthy: () => Promise<boolean>;
  isDraining: () => boolean;
  isClosed: () => boolean;
  proxies: Proxies;
  connections: Connections;
  /** Throws for who may not come in. */
  admitOrigin: (req: Request) => void;
  admitRequest: (req: Request) => Promise<void>;
  admitPolling: (req: Request) => Promise<void>;
  lateDisconnects: LateDisconnects;
  peers: RequestHandler;
  engine: EngineServer;
  /** Of this machine's own, if that is what we are trusted by. */
  authority: Identity['authority'];
  log: Logger;
  refusals: RefusalLog;
}

/**
 * The Express application of all doors. Inside another one (`isGuest`) it answers under its own paths alone, and leaves
 * `/`, `/health`, `/ready` and what is unknown to its host.
 */
export function createApp(options: HttpOptions, isGuest: boolean): Express {
  const app = express();
  const { authority, connections } = options;
  app.disable('x-powered-by');
  const door: RequestHandler[] = [
    // Our own listener does this before Express.
    ...(isGuest ? [oneAtATime] : []),
    // Reading across origins is what these answers are for; CORS_ORIGIN says which.
    helmet({
      crossOriginResourcePolicy: { policy: 'cross-origin' },
      // It holds for all ports of a name: other servers on this machine, with plain HTTP, would be gone for the browser.
      strictTransportSecurity: authority === undefined,
    }),
    (req, res, next) => {
      if (connections.isSpare(req)) res.set('Connection', 'close');
      options.admitOrigin(req);
      next();
    },
    cors({ origin: true, credentials: true }),
    (req, res, next) => {
      if (!HEALTH_CHECKS.includes(req.baseUrl + req.path)) connections.admit(req, res);
      next();
    },
  ];
  const limited: RequestHandler[] = [...door, wait(options.admitRequest)];

  // A guest that left cannot be taken out of its host's routes; it lets everything pass.
  if (isGuest) app.use((_req, _res, next) => next(options.isClosed() ? 'router' : undefined));
  const sentTargets = new WeakMap<Request, string>();
  app.use((req, _res, next) => {
    sentTargets.set(req, req.url);
    req.url = collapseSlashes(req.url);
    next();
  });
  app.use(options.config.socketPath, door, socketRoutes(options));
  app.use(PEER_PATH, limited, peerRoutes(options), options.peers, nothingHere);
  app.use(API_PATH, limited, callRoutes(options), nothingHere);
  app.use(fileRoutes(options, limited));
  if (authority) app.use(trustRoutes(authority, limited));
  if (!isGuest) app.use(door, rootRoutes(options), nothingHere);
  // The routes of the host get the target that the client sent.
  app.use((req, _res, next) => {
    req.url = sentTargets.get(req) ?? req.url;
    next();
  });
  app.use(answerError(options));
  return app;
}

function callRoutes({ config, proxies, rooms, directory, iceServers, authority }: HttpOptions): RequestHandler {
  const { maxParticipants, minParticipants, reconnectGraceMs } = config;
  const startedAt = performance.now();
  const router = express.Router();

  router.get('/health', (_req, res) => res.json({ success: true, ...health(config) }));

  router.get('/stats', async (_req, res) => {
    const [{ calls, participants }, peers] = await Promise.all([rooms.count(), directory.stats()]);
    succeed(res, {
      activeCalls: calls,
      totalUsersInCalls: participants,
      maxParticipantsPerCall: maxParticipants,
      minParticipantsPerCall: minParticipants,
      peers,
      uptimeSeconds: Math.floor((performance.now() - startedAt) / 1000),
    } satisfies Stats);
  });

  router.get('/ice-servers', (_req, res) => succeed(res, { iceServers: iceServers.forVisitor('anonymous') }));

  router.get('/room/:meetingId', async (req, res) => {
    const meetingId = parameter(meetingIdSchema, req.params.meetingId);
    const { seats, status } = await rooms.roster(meetingId);
    const users = seats.map(describe).map(({ peerId: _peerId, joinedAt: _joinedAt, ...user }) => user);
    succeed(res, { meetingId, participants: seats.length, status, users } satisfies RoomInfo);
  });

  router.get('/peers/:peerId', async (req, res) => {
    succeed(res, await directory.lookUp(parameter(peerIdSchema, req.params.peerId)));
  });

  router.get('/config', (req, res) => {
    const url = proxies.publicUrlOf(req);
    if (!url) throw new CallError('INVALID_PAYLOAD', { detail: 'Host header' });
    const { protocol, hostname, port } = url;
    const prefix = proxies.prefixOf(req);
    const secure = protocol === 'https:';
    const isSecureContext = secure || LOOPBACK.test(hostname);
    succeed(res, {
      peer: {
        host: hostname,
        port: Number(port) || (secure ? 443 : 80),
        path: prefix + PEER_PATH,
        secure,
        key: PEER_KEY,
      },
      socket: { path: prefix + config.socketPath, namespaces: NAMESPACES },
      isSecureContext,
      insecureReason: isSecureContext ? null : INSECURE_REASON,
      trustPath: authority ? prefix + TRUST_PATH : null,
      iceServers: iceServers.forVisitor('anonymous'),
      maxParticipants,
      minParticipants,
      reconnectGraceMs,
    } satisfies ClientConfig);
  });

  return router;
}

/** Of a host's paths it takes the files of the SDK alone, and what is below the demo's folder when that is on. */
function fileRoutes({ config }: HttpOptions, door: RequestHandler[]): RequestHandler {
  const router = express.Router({ strict: true, caseSensitive: true });
  router.all(clientPaths, door, clientFiles, nothingHere);
  if (config.demo) router.use(DEMO_PATH, door, demoFiles(), nothingHere);
  return router;
}

function rootRoutes({ config, proxies, isHealthy, isDraining, admitRequest, authority }: HttpOptions): RequestHandler {
  const router = express.Router();

  // Whoever watches us is never told to wait.
  router.get('/health', (_req, res) => res.json(health(config)));

  router.get('/ready', async (_req, res) => {
    const isUp = await isHealthy();
    const status = isDraining() ? 'draining' : isUp ? 'ready' : 'unavailable';
    res.status(status === 'ready' ? 200 : 503).json({ status, backplane: isUp ? 'up' : 'down' });
  });

  router.use(wait(admitRequest));

  if (config.demo)
    router.get('/', (req, res, next) => {
      res.vary('Accept');
      const prefix = proxies.prefixOf(req);
      // Relative without a prefix: a proxy that removes one may not send it.
      if (req.accepts(['json', 'html']) === 'html') res.redirect(prefix ? prefix + DEMO_PATH : demoLink);
      else next();
    });

  router.get('/', (req, res) => {
    const prefix = proxies.prefixOf(req);
    const paths = {
      health: '/health',
      ready: '/ready',
      callHealth: `${API_PATH}/health`,
      stats: `${API_PATH}/stats`,
      iceServers: `${API_PATH}/ice-servers`,
      room: `${API_PATH}/room/:meetingId`,
      peer: `${API_PATH}/peers/:peerId`,
      config: `${API_PATH}/config`,
      peerjs: PEER_PATH,
      socketio: config.socketPath,
      client: CLIENT_PATH,
      ...(config.demo && { demo: DEMO_PATH }),
      ...(authority && { trust: TRUST_PATH, authority: AUTHORITY_PATH }),
    };
    res.json({
      name: 'back-call',
      service: 'voice-call-server',
      version,
      endpoints: Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, prefix + path])),
      socketEvents: { namespaces: NAMESPACES, clientToServer: Object.keys(clientEvents), serverToClient: serverEvents },
    });
  });

  return router;
}

/** What `peer.listAllPeers()` of PeerJS requests. The package `peer` knows the peers of its own node only. */
function peerRoutes({ config, directory }: HttpOptions): RequestHandler {
  const router = express.Router();
  router.get('/:key/peers', async (_req, res) => {
    if (!config.peerDiscovery) throw new CallError('PEER_DISCOVERY_OFF');
    res.json(await directory.list());
  });
  return router;
}

/** The browser builds of Socket.IO's client, long polling, and the handshake of clients that begin with it. */
function socketRoutes({ engine, admitRequest, admitPolling, lateDisconnects }: HttpOptions): RequestHandler {
  const router = express.Router({ strict: true, caseSensitive: true });
  router.get(
    socketClientFiles.map((file) => `/${file}`),
    wait(admitRequest),
    socketClient,
  );
  router.all('/', wait(admitPolling), async (req, res) => {
    checkProtocol(req);
    const { sid } = queryOf(req);
    // Engine.IO then answers that it does not know the session.
    if (req.method === 'POST' && lateDisconnects.isExpected(sid)) await lateDisconnects.receive(sid, req);
    // Engine.IO asks for the query as one string per name, which Express does not promise.
    const query = Object.fromEntries(new URL(req.url, 'http://socket.io').searchParams);
    // A request for another transport that is no upgrade would never be answered.
    if (query.transport !== 'polling') throw new CallError('INVALID_PAYLOAD', { detail: 'transport' });
    engine.handleRequest(Object.assign(req, { _query: query }), res);
  });
  router.use(nothingHere);
  return router;
}

/** What is answered beyond the limits of connections, too. */
const HEALTH_CHECKS = ['/health', '/ready', `${API_PATH}/health`];

/** Hosts that are trusted without HTTPS (Secure Contexts, 3.1), as `URL` writes them. */
const LOOPBACK = /^(localhost|.+\.localhost|127\.[\d.]+|\[::1\])$/;
const INSECURE_REASON =
  'Browsers give microphone and camera to pages that came by HTTPS or from localhost alone. Start with --lan or --https.';

function health({ environment }: Config): Health {
  return { status: 'ok', service: 'voice-call-server', timestamp: new Date().toISOString(), environment };
}

function succeed(res: Response, data: unknown): void {
  res.json({ success: true, data });
}

function parameter(schema: ZodType<string>, value: string): string {
  const checked = schema.safeParse(value);
  if (!checked.success) throw new CallError('INVALID_PAYLOAD', { detail: checked.error.issues[0]?.message ?? '' });
  return checked.data;
}

const wait =
  (admit: (req: Request) => Promise<void>): RequestHandler =>
  async (req, _res, next) => {
    await admit(req);
    next();
  };

const oneAtATime: RequestHandler = (req, res, next) => inTurn(req, res, next);

const nothingHere: RequestHandler = () => {
  throw new CallError('NOT_FOUND');
};

/** What `send` sets before it finds that it cannot serve a file. `Content-Range` remains: with 416 it tells the size. */
const OF_THE_FILE = ['ETag', 'Last-Modified', 'Accept-Ranges', 'Content-Type', 'Content-Length'];

function answerError({ proxies, log, refusals }: HttpOptions): ErrorRequestHandler {
  // Express knows an error handler by its four parameters.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  return (thrown: unknown, req, res, _next) => {
    const error = httpErrorOf(thrown);
    const where = { method: req.method, path: req.path.slice(0, 128), reason: error.code };
    const source = { address: proxies.clientAddressOf(req), kind: `request ${error.code}` };
    if (error.code === 'INTERNAL_ERROR') refusals.error(source, { ...where, err: thrown }, 'failed');
    // What is not there is asked for all the time, and harms nobody.
    else if (error.status === 404) log.debug(where, 'refused');
    else refusals.warn(source, where, 'refused');
    if (res.headersSent) return void res.destroy();
    if (error.code === 'INVALID_REQUEST') for (const name of OF_THE_FILE) res.removeHeader(name);
    // Else the browser would keep it from the page, and its developer would not find out why.
    if (error.code === 'ORIGIN_NOT_ALLOWED' && req.method !== 'OPTIONS')
      res.vary('Origin').set('Access-Control-Allow-Origin', req.headers.origin);
    if (error.retryAfterMs !== undefined) res.set('Retry-After', String(Math.ceil(error.retryAfterMs / 1000)));
    res.status(error.status).json(toRefusal(error));
  };
}

/** Returns what middleware threw as a `CallError`. Client errors of Express's middleware (`http-errors`) keep their status. */
function httpErrorOf(thrown: unknown): CallError {
  // Express could not decode a parameter.
  if (thrown instanceof URIError) return new CallError('INVALID_PAYLOAD', { detail: 'URL' });
  const status = thrown instanceof Error && 'status' in thrown ? Number(thrown.status) : 0;
  if (thrown instanceof CallError || !(status >= 400 && status < 500)) return toCallError(thrown);
  return status === 404 ? new CallError('NOT_FOUND') : new CallError('INVALID_REQUEST', { status });
}

// Other WebSocket servers on the HTTP server of an application, on paths that we need.

import { IncomingMessage, type Server } from 'node:http';
import { PassThrough } from 'node:stream';
import { Socket } from 'node:net';
import type { Logger } from '../logger';

/** A path that we need, and what to do if another server uses it. */
export interface NeededPath {
  path: string;
  /** The name of the protocol on this path. */
  protocol: string;
  remedy: string;
}

/** An application has attached another server on one of our paths. `code` is `PATH_TAKEN`. */
export class PathTakenError extends Error {
  readonly code = 'PATH_TAKEN';

  constructor({ path, protocol, remedy }: NeededPath) {
    super(`Another ${protocol} server is attached to this HTTP server on the path ${path}. ${remedy}`);
    this.name = 'PathTakenError';
  }
}

/** The paths of the call servers on each HTTP server. */
const kept = new WeakMap<Server, Set<string>>();

/** Throws a {@link PathTakenError} if a server that is attached already uses one of the paths. */
export function requireFreePaths(server: Server, needed: NeededPath[]): void {
  const taken = needed.find(({ path }) => kept.get(server)?.has(path));
  if (taken) throw new PathTakenError(taken);
  for (const listener of server.listeners('upgrade')) {
    const conflict = conflictOf(listener, needed);
    if (conflict) throw conflict;
  }
}

/**
 * Logs an error when another server is attached on one of the paths later. For Socket.IO, the call that attaches it also throws a
 * {@link PathTakenError}. Returns a function that ends this.
 */
export function keepPathsFree(server: Server, needed: NeededPath[], log: Logger): () => void {
  const takenBy = (listener: unknown) => {
    const conflict = conflictOf(listener, needed);
    if (conflict) log.error({ reason: conflict.code }, conflict.message);
    return conflict;
  };
  const check = (event: string | symbol, listener: unknown) => {
    if (event !== 'upgrade') return;
    const conflict = takenBy(listener);
    if (conflict) throw conflict;
    // `ws` adds its listener before it has its options. An error that is thrown later would end the process.
    process.nextTick(() => {
      if (server.listeners('upgrade').includes(listener as UpgradeListener)) takenBy(listener);
    });
  };
  server.on('newListener', check);
  kept.set(server, new Set(needed.map(({ path }) => path)));
  return () => {
    server.off('newListener', check);
    kept.delete(server);
  };
}

function conflictOf(listener: unknown, needed: NeededPath[]): PathTakenError | undefined {
  const taken = isKnown(listener) ? needed.find(({ path }) => accepts(listener, path)) : undefined;
  return taken && new PathTakenError(taken);
}

type UpgradeListener = (req: IncomingMessage, socket: PassThrough, head: Buffer) => unknown;

/** The bodies of the `upgrade` listeners of Engine.IO, which reads this option, and of `ws`. */
const KNOWN = [/\bdestroyUpgrade\b/, /^\(?\w+,\s*\w+,\s*\w+\)?\s*=>\s*\{?\s*this\.handleUpgrade\([\w$,\s]+\);?\s*\}?$/];

/** Listeners of applications may have effects, and are never called. */
const isKnown = (listener: unknown): listener is UpgradeListener =>
  typeof listener === 'function' && KNOWN.some((body) => body.test(Function.prototype.toString.call(listener)));

/** Whether this listener takes upgrades of the path, and not of every path. */
const accepts = (listener: UpgradeListener, path: string) =>
  wouldHandle(listener, path) && !wouldHandle(listener, '/back-call-probe/');

class ProbeAccepted extends Error {}

/**
 * Calls a listener with an upgrade request that no client sent. Engine.IO reads `_query`, and `ws` reads the subprotocols
 * or the origin, when the path is theirs and before they do anything else: then the probe throws.
 */
function wouldHandle(listener: UpgradeListener, path: string): boolean {
  const req = new IncomingMessage(new Socket());
  const accept = {
    get: () => {
      throw new ProbeAccepted();
    },
  };
  req.method = 'GET';
  req.url = `${path}?EIO=4&transport=websocket`;
  req.headers = {
    host: 'localhost',
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    'sec-websocket-version': '13',
  };
  Object.defineProperty(req, '_query', accept);
  for (const name of ['sec-websocket-protocol', 'origin']) Object.defineProperty(req.headers, name, accept);
  const socket = new PassThrough();
  try {
    listener(req, socket, Buffer.alloc(0));
    return false;
  } catch (error) {
    return error instanceof ProbeAccepted;
  } finally {
    // Engine.IO ends the sockets of other paths later, if they are writable.
    socket.destroy();
  }
}

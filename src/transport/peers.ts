// The PeerJS door: the broker of the package `peer`, as published, behind our guard.

import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RequestHandler } from 'express';
import { ExpressPeerServer } from 'peer';
import type { WebSocketServer } from 'ws';
import type { PeerFrames } from '../backplane/index';
import type { Config } from '../config';
import type { PeerPresence } from '../directory';
import { PEER_KEY } from '../doors';
import type { Logger } from '../logger';
import type { RefusalLog } from '../refusal-log';
import { PeerGuard } from './peer-guard';

export interface PeersOptions {
  server: Server;
  presence: PeerPresence;
  frames: PeerFrames;
  rateLimits: Config['rateLimits'];
  clientAddressOf: (req: IncomingMessage) => string;
  log: Logger;
  refusals: RefusalLog;
}

export interface Peers {
  /** To be mounted at `PEER_PATH`. */
  app: RequestHandler;
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): Promise<void>;
}

export function createPeers({ server, ...options }: PeersOptions): Peers {
  const { log } = options;
  const guard = new PeerGuard(options);
  const app = ExpressPeerServer(server, {
    path: '/',
    key: PEER_KEY,
    concurrent_limit: Infinity,
    // The guard ends dead connections. `peer` would compare times of the wall clock, which may jump.
    alive_timeout: Infinity,
    // The doors in front of it have judged the origin.
    corsOptions: { origin: false },
    createWebSocketServer: () => guard as unknown as WebSocketServer,
  });

  app.on('error', (error: Error) => log.error({ err: error }, 'the peer broker failed'));

  return {
    // Not only a handler: `peer` opens the broker when Express mounts this very object.
    app,
    upgrade: (req, socket, head) => guard.accept(req, socket, head),
    close: () => guard.close(),
  };
}

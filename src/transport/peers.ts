// The PeerJS door: the broker of the package `peer`, as published, behind our guard.

import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RequestHandler } from 'express';
import { ExpressPeerServer } from 'peer';
import type { WebSocketServer } from 'ws';
import type { PeerFrames } from '../backplane/index';
import type { Config } from '../config';
import type { PeerDirectory } from '../directory';
import { PEER_KEY } from '../doors';
import type { Logger } from '../logger';
import { identityOf, PeerGuard, type GuardedSocket } from './peer-guard';

export interface PeersOptions {
  server: Server;
  directory: PeerDirectory;
  frames: PeerFrames;
  rateLimits: Config['rateLimits'];
  log: Logger;
}

export interface Peers {
  /** To be mounted at `PEER_PATH`. */
  app: RequestHandler;
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
  close(): Promise<void>;
}

export function createPeers({ server, directory, frames, rateLimits, log }: PeersOptions): Peers {
  const guard = new PeerGuard({ frames, rateLimits, log });
  const app = ExpressPeerServer(server, {
    path: '/',
    key: PEER_KEY,
    concurrent_limit: Infinity,
    // The doors in front of it have judged the origin.
    corsOptions: { origin: false },
    createWebSocketServer: () => guard as unknown as WebSocketServer,
  });

  const noteFailure = (thrown: unknown) => log.error({ err: thrown }, 'the peer directory could not be kept');

  app.on('connection', (client) => {
    const socket = client.getSocket() as unknown as GuardedSocket;
    guard.register(socket);
    directory.arrived(socket.id, socket.token).catch(noteFailure);
    log.debug({ peerId: socket.id }, 'peer online');
  });
  app.on('disconnect', (client) => {
    const peerId = client.getId();
    directory.departed(peerId).catch(noteFailure);
    log.debug({ peerId }, 'peer offline');
  });
  app.on('error', (error: Error) => log.error({ err: error }, 'the peer broker failed'));

  return {
    // Not only a handler: `peer` opens the broker when Express mounts this very object.
    app,
    async upgrade(req, socket, head) {
      const { id, token } = identityOf(req);
      guard.accept(req, socket, head, !(await directory.mayConnect(id, token)));
    },
    close: () => guard.close(),
  };
}

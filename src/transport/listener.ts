// The HTTP server of our own: it listens, by HTTPS if it has credentials, and closes without waiting for those who ask for nothing.

import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Credentials } from '../identity';
import { inTurn } from './pipelining';
import { takePlainConnections } from './plain';

/** Long enough for a slow phone, short enough for who sends a header a minute. In milliseconds. */
const HEADERS_TIMEOUT = 15_000;
const REQUEST_TIMEOUT = 30_000;

export interface Listener {
  readonly server: Server;
  serve(app: RequestListener): void;
  /** What to serve HTTPS with from the next connection on. */
  setCredentials(credentials: Credentials): void;
  /** Rejects as `server.listen` would fail. */
  listen(port: number, host: string | undefined): Promise<AddressInfo>;
  /** Settles when the last request is answered. */
  close(): Promise<void>;
  /** Ends what is still open. */
  terminate(): void;
}

export function createListener(credentials?: Credentials): Listener {
  const timeouts = { headersTimeout: HEADERS_TIMEOUT, requestTimeout: REQUEST_TIMEOUT };
  const secure = credentials && createSecureServer({ ...timeouts, ...credentials, handshakeTimeout: HEADERS_TIMEOUT });
  const server: Server = secure ?? createServer(timeouts);
  if (secure) takePlainConnections(secure, HEADERS_TIMEOUT);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });

  return {
    server,
    serve: (app) =>
      server.on('request', (req, res) => {
        // Express would answer a target that is no URL by itself, and not in our shape.
        if (!req.url?.startsWith('/') && !URL.canParse(req.url ?? '')) req.url = '*';
        inTurn(req, res, () => app(req, res));
      }),
    setCredentials: (credentials) => secure?.setSecureContext(credentials),
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          resolve(server.address() as AddressInfo);
        });
      }),
    close: async () => {
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      // Browsers open connections in advance. Node counts one that never carried a request as busy.
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
      await closed;
    },
    terminate() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

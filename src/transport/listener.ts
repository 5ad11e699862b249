// The HTTP server of our own: it listens, by HTTPS if it has credentials, and closes without waiting for those who ask for nothing.

import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Credentials } from '../identity';
import type { Connections, RequestTimeouts } from './connections';
import { inTurn } from './pipelining';
import { takePlainConnections } from './plain';
import type { Proxies } from './proxies';

/** Allows slow clients and stops slowloris attacks. In milliseconds. */
const TIMEOUTS: RequestTimeouts = { head: 15_000, body: 15_000 };
/** How long a connection may neither send nor receive while its request is handled, in milliseconds. */
const STALLED_MS = 60_000;

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

export interface ListenerOptions {
  credentials?: Credentials | undefined;
  connections: Connections;
  proxies: Proxies;
  /** How long a connection is kept for its next request, in milliseconds. */
  keepAliveTimeoutMs: number;
  timeouts?: RequestTimeouts;
}

export function createListener(options: ListenerOptions): Listener {
  const { credentials, connections, proxies, keepAliveTimeoutMs, timeouts = TIMEOUTS } = options;
  const settings = {
    keepAliveTimeout: keepAliveTimeoutMs,
    // Some versions of Node.js count the time between two requests, too. `connections` ends slow requests earlier.
    headersTimeout: keepAliveTimeoutMs + timeouts.head,
    requestTimeout: keepAliveTimeoutMs + timeouts.head + timeouts.body,
  };
  const secure = credentials && createSecureServer({ ...settings, ...credentials, handshakeTimeout: timeouts.head });
  const server: Server = secure ?? createServer(settings);
  server.timeout = STALLED_MS;
  if (secure) takePlainConnections(secure, timeouts.head, proxies);
  connections.watch(server, timeouts);

  return {
    server,
    serve: (app) =>
      server.on('request', (req, res) => {
        // Express would answer a target that is no URL by itself, and not in our shape.
        if (!req.url?.startsWith('/') && !URL.canParse(req.url ?? '')) req.url = '*';
        inTurn(req, res, () => {
          connections.begin(req, res);
          app(req, res);
        });
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
      connections.endUnused();
      await closed;
    },
    terminate: () => connections.endAll(),
  };
}

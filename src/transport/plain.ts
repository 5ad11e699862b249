// Plain HTTP on a port of HTTPS: who types the bare address is sent to where it is served, instead of into silence.

import { createServer } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { Socket } from 'node:net';
import { AUTHORITY_PATH, TRUST_PATH } from '../doors';
import type { Proxies } from './proxies';

/** The content type of a TLS record that begins a handshake (RFC 8446, 5.1). No method of HTTP begins with this byte. */
const HANDSHAKE = 22;

/** What is needed before HTTPS can be trusted. */
const OPEN_PATHS = [AUTHORITY_PATH, TRUST_PATH];

/**
 * Looks at the first byte of each connection before TLS does, and answers what is plain HTTP: with a redirect, or as the
 * server would where that is needed to trust it.
 *
 * @param patienceMs - how long until the first byte, and a plain connection as a whole, may take
 */
export function takePlainConnections(
  server: SecureServer,
  patienceMs: number,
  proxies: Pick<Proxies, 'secureUrlOf'>,
): void {
  const plain = createServer((req, res) => {
    res.setHeader('Connection', 'close');
    const { url = '' } = req;
    if (OPEN_PATHS.includes(url.split('?', 1)[0] ?? '')) return void server.emit('request', req, res);
    const root = proxies.secureUrlOf(req);
    if (root === undefined) return void res.writeHead(400).end();
    // Not for good: browsers would remember it when this port serves plain HTTP again.
    res.writeHead(307, { Location: root + (url.startsWith('/') ? url : '/') }).end();
  });

  const startTls = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const overdue = setTimeout(() => socket.destroy(), patienceMs);
    // Until somebody takes it over, nobody else hears of its errors.
    socket.on('error', () => socket.destroy());
    socket.once('close', () => clearTimeout(overdue));
    socket.once('data', (chunk: Buffer) => {
      socket.pause();
      socket.unshift(chunk);
      if (chunk[0] === HANDSHAKE) {
        clearTimeout(overdue);
        for (const listener of startTls) listener.call(server, socket);
      } else {
        plain.emit('connection', socket);
        socket.resume();
      }
    });
  });
}

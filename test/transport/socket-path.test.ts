// Another path for Socket.IO, and other WebSocket servers on the HTTP server of an application.

import { createServer, type Server } from 'node:http';
import express, { type Application } from 'express';
import { ExpressPeerServer } from 'peer';
import { pino } from 'pino';
import { Server as SocketServer } from 'socket.io';
import { io } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createCallServer, loadConfig } from '../../src/index';
import { listenOnLoopback } from '../free-port';
import { before, connect, get, Inbox, participant, peer, refusedUpgrade, startServer, upgraded } from '../helpers';

interface Host {
  app: Application;
  server: Server;
}

function createHost(): Host {
  const app = express();
  return { app, server: createServer(app) };
}

function mountOn(host: Host, options = {}) {
  const calls = createCallServer({ mount: host, logLevel: 'silent', stunUrls: [], ...options });
  onTestFinished(() => calls.close());
}

function attachSocketIo({ server }: Host, options = {}) {
  const own = new SocketServer(server, options);
  own.on('connection', (socket) => socket.emit('own'));
  onTestFinished(() => void own.close());
}

async function urlOf({ server }: Host): Promise<string> {
  const port = await listenOnLoopback(server);
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${port}`;
}

/** Connects to the Socket.IO server of the application. */
async function connectToOwn(url: string, options = {}): Promise<void> {
  const socket = io(url, { forceNew: true, ...options });
  onTestFinished(() => void socket.disconnect());
  await before(new Promise((resolve) => socket.once('own', resolve)), () => 'an event of the own Socket.IO server');
}

const TAKEN = expect.objectContaining({ code: 'PATH_TAKEN' }) as Error;

describe('an application with a Socket.IO server on /socket.io/', () => {
  it.each([undefined, '/socket.io', '/socket.io/'])(
    '[D15] gets an error when calls are mounted after it, with the path %s',
    (path) => {
      const host = createHost();
      attachSocketIo(host, path === undefined ? {} : { path });
      expect(() => mountOn(host)).toThrow(TAKEN);
      expect(() => mountOn(host)).toThrow(/\/socket\.io\/.*socketPath/);
    },
  );

  it('[D15] gets an error when it is attached after calls', () => {
    const host = createHost();
    mountOn(host);
    expect(() => new SocketServer(host.server)).toThrow(TAKEN);
  });

  it.each(['first', 'last'])(
    '[D15] shares the HTTP server with calls on another socketPath, attached %s',
    async (order) => {
      const host = createHost();
      if (order === 'first') attachSocketIo(host);
      mountOn(host, { socketPath: '/call-socket' });
      if (order === 'last') attachSocketIo(host);
      const url = await urlOf(host);
      for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
        await connectToOwn(url, { transports });
        await connect(url, { transports, path: '/call-socket/' });
      }
      await participant(url, { userId: 'ada' }, { path: '/call-socket' });
      await peer(url, 'ada');
    },
  );

  it.each(['first', 'last'])('[D15] keeps its own path if that is another one, attached %s', async (order) => {
    const host = createHost();
    if (order === 'first') attachSocketIo(host, { path: '/app-socket' });
    mountOn(host);
    if (order === 'last') attachSocketIo(host, { path: '/app-socket' });
    const url = await urlOf(host);
    for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']])
      await connectToOwn(url, { transports, path: '/app-socket' });
    await connect(url);
    await upgraded(await connect(url, { transports: ['polling', 'websocket'] }));
  });

  it('[D15] can be attached to the path after calls are closed', async () => {
    const host = createHost();
    const calls = createCallServer({ mount: host, logLevel: 'silent', stunUrls: [] });
    await calls.close();
    attachSocketIo(host);
    await connectToOwn(await urlOf(host));
  });
});

describe('an application with other WebSocket servers', () => {
  const servers: Record<string, (host: Host) => unknown> = {
    'a PeerJS server on /peerjs': ({ app, server }) => app.use('/peerjs', ExpressPeerServer(server, { path: '/' })),
    'a `ws` server on /peerjs/peerjs': ({ server }) => new WebSocketServer({ server, path: '/peerjs/peerjs' }),
    'a `ws` server on /socket.io/': ({ server }) => new WebSocketServer({ server, path: '/socket.io/' }),
  };
  for (const [what, attach] of Object.entries(servers)) {
    it(`[D15] gets an error for ${what} that is attached first`, () => {
      const host = createHost();
      attach(host);
      expect(() => mountOn(host)).toThrow(TAKEN);
    });

    it(`[D15] logs an error for ${what} that is attached last`, async () => {
      const host = createHost();
      const logged = new Inbox<string>();
      const log = pino({}, { write: (line: string) => logged.put(line) });
      mountOn(host, { log });
      attach(host);
      expect(JSON.parse(await logged.next((line) => line.includes('PATH_TAKEN')))).toMatchObject({ level: 50 });
      const url = await urlOf(host);
      await connect(url);
      await peer(url, 'ada');
    });
  }

  it('[D15] gets an error when calls are mounted twice, until the first are closed', async () => {
    const host = createHost();
    const calls = createCallServer({ mount: host, logLevel: 'silent', stunUrls: [] });
    expect(() => mountOn(host)).toThrow(TAKEN);
    await calls.close();
    mountOn(host);
    await connect(await urlOf(host));
  });

  it.each(['first', 'last'])('[D2] keeps servers of all other paths, and HMR of Vite, attached %s', async (order) => {
    const host = createHost();
    const attach = () => {
      const any = new WebSocketServer({ noServer: true });
      // As Vite does it.
      host.server.on('upgrade', (req, socket, head) => {
        if (req.headers['sec-websocket-protocol'] === 'vite-hmr' && req.url === '/')
          any.handleUpgrade(req, socket, head, (ws) => ws.send('own'));
      });
    };
    if (order === 'first') attach();
    mountOn(host);
    if (order === 'last') attach();
    const url = await urlOf(host);
    const ws = new WebSocket(url.replace('http', 'ws'), 'vite-hmr');
    onTestFinished(() => ws.terminate());
    await before(new Promise((resolve) => ws.once('message', resolve)), () => 'the greeting of HMR');
    await connect(url);
  });

  it('[D2] keeps a `ws` server without a path', () => {
    const host = createHost();
    mountOn(host);
    const own = new WebSocketServer({ server: host.server });
    onTestFinished(() => own.close());
  });

  it('[D15] never has its own upgrade listeners called by the check', () => {
    const host = createHost();
    const calledWith: unknown[] = [];
    host.server.on('upgrade', (req) => calledWith.push(req));
    mountOn(host);
    host.server.on('upgrade', (req) => calledWith.push(req));
    expect(calledWith).toEqual([]);
  });
});

describe('socketPath', () => {
  it('[D15] moves Socket.IO and its client files, and is in the configuration of clients', async () => {
    const { url } = await startServer({ socketPath: 'calls/socket' });
    const config = (await get(`${url}/api/call/config`)).body.data;
    expect(config).toMatchObject({ socket: { path: '/calls/socket/' } });
    expect((await get(url)).body.endpoints).toMatchObject({ socketio: '/calls/socket/' });
    const client = await connect(url, { path: '/calls/socket', transports: ['polling', 'websocket'] });
    await upgraded(client);
    expect((await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).status).toBe(404);
    expect(await refusedUpgrade(`${url}/socket.io/?EIO=4&transport=websocket`)).toMatchObject({ status: 404 });
  });

  it.each([
    '/',
    '',
    '/a b/',
    '/:x/',
    '/*x/',
    '/a//b/',
    '/../x/',
    '/peerjs/',
    '/api/call/x',
    '/demo/',
    '/health',
    '/api',
    '/ready/',
    '/trust/x',
    '/ca.crt',
    '/Client/x',
    'http://x/',
  ])('[D15] cannot be %j', (socketPath) => {
    expect(() => createCallServer({ socketPath, logLevel: 'silent' })).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIG' }),
    );
    if (socketPath !== '') expect(() => loadConfig({ SOCKET_PATH: socketPath })).toThrow(/SOCKET_PATH/);
  });
});

// Who comes in, and where: origins, upgrades, limits, and life inside another application. Rules D1 to D3.

import { createServer } from 'node:http';
import express from 'express';
import { io } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createCallServer } from '../../src/index';
import { listenOnLoopback } from '../free-port';
import {
  before,
  connect,
  dial,
  fence,
  GENEROUS,
  get,
  participant,
  peer,
  refused,
  refusedUpgrade,
  startServer,
  upgraded,
  type Running,
} from '../helpers';

const SOCKET = '/socket.io/?EIO=4&transport=websocket';
const PEER = '/peerjs/peerjs?key=peerjs&id=ada&token=t';
const FOREIGN = { Origin: 'https://evil.example' };
const ORIGIN_NOT_ALLOWED = { status: 403, body: { success: false, code: 'ORIGIN_NOT_ALLOWED' } };

describe('origins', () => {
  it('[D1] keep foreign pages out of every door', async () => {
    const { url } = await startServer({ corsOrigins: ['https://app.example'] });
    for (const path of ['/health', '/api/call/stats', '/peerjs/peerjs/id', '/socket.io/?EIO=4&transport=polling'])
      expect(await get(`${url}${path}`, FOREIGN)).toMatchObject(ORIGIN_NOT_ALLOWED);
    for (const path of [SOCKET, PEER, '/elsewhere'])
      expect(await refusedUpgrade(`${url}${path}`, FOREIGN)).toMatchObject(ORIGIN_NOT_ALLOWED);
  });

  it('[D1] tell a refused page why, and nothing more', async () => {
    const { url } = await startServer({ corsOrigins: ['https://app.example'] });
    const rest = ['/', '/nothing', '/api/call/stats', '/peerjs/peerjs/id', '/client/back-call.js'];
    for (const path of [...rest, '/socket.io/?EIO=4&transport=polling'])
      for (const origin of ['https://evil.example', 'null']) {
        const { headers } = await get(`${url}${path}`, { Origin: origin });
        expect(headers.get('access-control-allow-origin')).toBe(origin);
        expect(headers.get('vary')).toContain('Origin');
        expect(headers.get('access-control-allow-credentials')).toBeNull();
        const asked = { Origin: origin, 'Access-Control-Request-Method': 'GET' };
        const preflight = await fetch(`${url}${path}`, { method: 'OPTIONS', headers: asked });
        expect([path, preflight.status]).toEqual([path, 403]);
        expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
      }
  });

  it('[D1] tell the developer of a refused page why Socket.IO does not connect', async () => {
    const { url } = await startServer({ corsOrigins: [] });
    const socket = io(url, { transports: ['polling'], extraHeaders: FOREIGN, forceNew: true, reconnection: false });
    onTestFinished(() => void socket.disconnect());
    const answer = new Promise<string>((resolve) =>
      // Socket.IO's client forgets the answer when its listeners have run.
      socket.once('connect_error', (error) => resolve((error as unknown as PollingError).context.responseText)),
    );
    expect(JSON.parse(await before(answer, () => 'a refusal'))).toMatchObject(ORIGIN_NOT_ALLOWED.body);
  });

  it('[D1] let in the listed ones, the own host, and who is no page', async () => {
    const { url } = await startServer({ corsOrigins: ['https://App.example/'] });
    for (const origin of ['https://app.example', 'https://APP.example', url, url.replace('http', 'https')]) {
      expect((await get(`${url}/health`, { Origin: origin })).status).toBe(200);
      await dial(url, { id: 'ada', token: 't' }, { headers: { Origin: origin } }).next('OPEN');
      await connect(url, { extraHeaders: { Origin: origin } });
    }
    await connect(url, { transports: ['polling'] });
    expect((await get(`${url}/health`, { Origin: 'null' })).status).toBe(403);
  });

  it('[D1] let everybody in with *', async () => {
    const { url } = await startServer({ corsOrigins: ['*'] });
    expect((await get(`${url}/health`, FOREIGN)).headers.get('access-control-allow-origin')).toBe(FOREIGN.Origin);
    await connect(url, { extraHeaders: FOREIGN });
  });

  it('[D1] know the own host behind a trusted proxy only', async () => {
    const headers = { Origin: 'https://calls.example', 'X-Forwarded-Host': 'calls.example' };
    const trusting = await startServer({ trustProxy: 1 });
    expect((await get(`${trusting.url}/health`, headers)).status).toBe(200);
    for (const trustProxy of [undefined, 0]) {
      const alone = await startServer({ trustProxy });
      expect((await get(`${alone.url}/health`, headers)).status).toBe(403);
      const { body } = await get(`${alone.url}/api/call/config`, { 'X-Forwarded-Host': 'calls.example' });
      expect(body.data).toMatchObject({ peer: { host: '127.0.0.1' } });
    }
  });
});

describe('upgrades', () => {
  it('[D2] go to the door of their exact path, or get a 404 at once', async () => {
    const { url } = await startServer();
    for (const path of [
      '/',
      '/nothing',
      '/peerjs',
      '/peerjs/peerjs/x',
      '/socket.io',
      '//',
      '/socket.io/x?EIO=4',
      '//x',
    ])
      expect(await refusedUpgrade(`${url}${path}`)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });

  it('[D2] serve websocket-only clients, default clients and PeerJS side by side', async () => {
    const { url } = await startServer();
    const ada = await participant(url, { userId: 'ada' });
    const bob = await connect(url, { transports: ['polling', 'websocket'] });
    await upgraded(bob);
    expect(ada.socket.io.engine.transport.name).toBe('websocket');
    expect(bob.socket.io.engine.transport.name).toBe('websocket');
    await peer(url, 'peer-ada');
    expect((await ada.next('call:peer-status')).online).toBe(true);
  });
});

describe('limits', () => {
  const rateLimits = { ...GENEROUS, connections: 2, windowMs: 60_000 };

  it('[D3] on connections of one address, at both sockets and long polling', async () => {
    const { url } = await startServer({ rateLimits });
    await connect(url);
    await peer(url, 'ada');
    const limited = { status: 429, body: { code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) as number } };
    expect(await refusedUpgrade(`${url}${SOCKET}`)).toMatchObject(limited);
    expect(await refusedUpgrade(`${url}${PEER}`)).toMatchObject(limited);
    expect(await get(`${url}/socket.io/?EIO=4&transport=polling`)).toMatchObject(limited);
    await peerFrom('127.0.0.2', url);
  });

  it('[D3] on connections that only say to continue another', async () => {
    const { url } = await startServer({ rateLimits });
    const ada = await connect(url);
    const { id } = ada.socket.io.engine as unknown as { id: string };
    await peer(url, 'ada');
    for (const pretence of ['&sid=1', '&sid=', '&sid=__proto__', `&sid=${id}&sid=`]) {
      expect(await refusedUpgrade(`${url}${SOCKET}${pretence}`)).toMatchObject({ status: 429 });
      expect(await refusedUpgrade(`${url}${PEER}${pretence}`)).toMatchObject({ status: 429 });
      const polling = `${url}/socket.io/?EIO=4&transport=polling${pretence}`;
      expect(await get(polling)).toMatchObject({ status: 429 });
    }
  });

  it('[D3] on connections from behind a trusted proxy, for each client by itself', async () => {
    const { url } = await startServer({ rateLimits, trustProxy: 1 });
    const from = (address: string) => ({ extraHeaders: { 'X-Forwarded-For': `9.9.9.9, ${address}` } });
    await connect(url, from('2001:db8::1'));
    await connect(url, from('2001:db8::2'));
    const headers = { 'X-Forwarded-For': '2001:db8::3' };
    expect(await refusedUpgrade(`${url}${SOCKET}`, headers)).toMatchObject({ status: 429 });
    await connect(url, from('2001:db8:1::1'));
    await connect(url, from('10.0.0.1'));
  });

  it('[D3] on events of one connection; a flood ends it, and nobody else notices', async () => {
    const { url } = await startServer({ rateLimits: { ...GENEROUS, events: 5, windowMs: 60_000 } });
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' });
    await ada.next('call:peer-joined');
    const claimed = { meetingId: 'meeting', userId: 'bob' };
    const answers = await Promise.all(Array.from({ length: 8 }, () => bob.ask('call:mute', claimed)));
    expect(answers.slice(4).map(refused)).toEqual(Array(4).fill('RATE_LIMITED'));
    expect(answers.at(-1)).toMatchObject({ retryAfterMs: expect.any(Number) as number });

    const ended = new Promise((resolve) => bob.socket.once('disconnect', resolve));
    bob.socket.emit('call:mute', claimed);
    expect(await before(ended, () => 'the end of the flood')).toBe('io server disconnect');
    expect(await ada.next('call:peer-left')).toMatchObject({ userId: 'bob', reason: 'closed' });
    await fence(ada, ada);
    expect(ada.rest()).toEqual([]);
  });
});

describe('repeated slashes', () => {
  it('[D2] count as one, over HTTP and WebSocket', async () => {
    const { url } = await startServer();
    for (const path of [
      '/peerjs//peerjs/id',
      '//peerjs/peerjs/id',
      '/api//call/stats',
      '//socket.io//?EIO=4&transport=polling',
    ])
      expect([path, (await fetch(url + path)).status]).toEqual([path, 200]);
    // A client that appends to a base URL with a slash at its end.
    await dial(`${url}/`, { id: 'ada', token: 't' }).next('OPEN');
    const ada = await connect(url, { path: '/socket.io//', transports: ['polling', 'websocket'] });
    await upgraded(ada);
  });

  it('[D2] reach the routes of the application around the server as they were sent', async () => {
    const app = express();
    const server = createServer(app);
    const calls = createCallServer({ mount: { app, server }, logLevel: 'silent', stunUrls: [] });
    onTestFinished(() => calls.close());
    app.use((req, res) => res.json({ target: req.url }));
    const url = `http://127.0.0.1:${await listenOnLoopback(server)}`;
    onTestFinished(() => void server.close());
    for (const target of ['//own//path?a=//b', '/own', '//peerjsx//'])
      expect((await get(url + target)).body).toEqual({ target });
    expect((await get(`${url}/api//call/health`)).body).toMatchObject({ status: 'ok' });
  });
});

describe('inside another application', () => {
  it.each(['before', 'after'])('[D2] leaves its routes and WebSockets alone, mounted %s them', async (order) => {
    const app = express();
    const server = createServer(app);
    const addOwn = () => {
      app.get('/', (_req, res) => res.json({ own: 'root' }));
      app.get('/health', (_req, res) => res.json({ own: 'health' }));
      app.get('/api/own', (_req, res) => res.json({ own: 'api' }));
      const own = new WebSocketServer({ server, path: '/own' });
      own.on('connection', (ws) => ws.send('"own"'));
      onTestFinished(() => own.close());
    };
    if (order === 'after') addOwn();
    const calls = createCallServer({ mount: { app, server }, logLevel: 'silent', stunUrls: [] });
    if (order === 'before') addOwn();
    const url = `http://127.0.0.1:${await listenOnLoopback(server)}`;
    onTestFinished(() => void server.close());

    expect((await get(url)).body).toEqual({ own: 'root' });
    expect((await get(`${url}/health`)).body).toEqual({ own: 'health' });
    expect((await get(`${url}/api/own`)).body).toEqual({ own: 'api' });
    expect((await fetch(`${url}/nothing`)).status).toBe(404);
    expect((await fetch(`${url}/nothing`)).headers.get('content-type')).toContain('text/html');
    expect((await get(`${url}/api/call/health`)).body).toMatchObject({ status: 'ok' });
    await ownGreeting(url);

    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' }, { transports: ['polling'] });
    await fence(bob, ada);
    const wire = await peer(url, 'peer-ada');
    expect((await ada.next('call:peer-status')).online).toBe(true);

    await calls.close();
    await wire.end();
    expect(server.listening).toBe(true);
    expect((await get(url)).body).toEqual({ own: 'root' });
    await ownGreeting(url);
    expect((await fetch(`${url}/api/call/health`)).status).toBe(404);
    expect(server.listenerCount('upgrade')).toBe(1);
  });
});

/** What long polling adds to a `connect_error`. */
interface PollingError {
  context: { responseText: string };
}

async function ownGreeting(url: string): Promise<void> {
  const ws = new WebSocket(`${url.replace('http', 'ws')}/own`);
  const greeting = new Promise<string>((resolve, reject) => {
    ws.on('message', (data) => resolve((data as Buffer).toString()));
    ws.on('error', reject);
  });
  expect(await before(greeting, () => 'the greeting of the own WebSocket')).toBe('"own"');
  ws.terminate();
}

async function peerFrom(localAddress: string, url: Running['url']): Promise<void> {
  await dial(url, { id: 'elsewhere', token: 't' }, { localAddress }).next('OPEN');
}

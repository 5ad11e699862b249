// How many connections there may be, and how long a client may take. Rule D13.

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request, type IncomingMessage } from 'node:http';
import { connect as tcpConnect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import express from 'express';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { monotonicNow } from '../../src/clock';
import { createCallServer, type CallServerOptions } from '../../src/index';
import { openOwnIdentity } from '../../src/identity/own';
import { RefusalLog } from '../../src/refusal-log';
import { Connections } from '../../src/transport/connections';
import { connectionLimitsOf } from '../../src/transport/descriptors';
import { createEngine } from '../../src/transport/engine';
import { createListener } from '../../src/transport/listener';
import { Proxies } from '../../src/transport/proxies';
import { listenOnLoopback, retryWhileInUse } from '../free-port';
import { before, connect, DEADLINE_MS, fence, get, participant, peer, refusedUpgrade, startServer } from '../helpers';

const SOCKET = '/socket.io/?EIO=4&transport=websocket';
const TOO_MANY = { status: 429, body: { code: 'RATE_LIMITED', retryAfterMs: 1000 } };
const OTHER = '127.0.0.2';
const silent = pino({ level: 'silent' });

async function openTcp(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = tcpConnect({ port, host: '127.0.0.1', localAddress }).on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket.resume();
}

async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await before(once(socket, 'close'), () => 'the end of a connection');
}

/** The status of a GET on a connection of its own, and the headers. */
async function ask(
  url: string,
  path: string,
  options: { localAddress?: string; headers?: Record<string, string> } = {},
) {
  const req = request(url + path, { agent: false, ...options }).end();
  const [res] = (await before(once(req, 'response'), () => `an answer to ${path}`)) as [IncomingMessage];
  res.resume();
  await once(res, 'end');
  return { status: res.statusCode, connection: res.headers.connection };
}

function logged() {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
  return { log: pino({ level: 'info', base: null }, { write }), lines };
}

const from = (address: string) => ({ 'X-Forwarded-For': address });

async function startMounted(options: CallServerOptions): Promise<string> {
  const app = express();
  const server = createServer(app);
  const calls = createCallServer({ mount: { app, server }, logLevel: 'silent', stunUrls: [], ...options });
  const port = await listenOnLoopback(server);
  onTestFinished(async () => {
    await calls.close();
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${port}`;
}

describe('connections of one address', () => {
  it('[D13] are refused beyond the limit while all are in use, but for health checks', async () => {
    const { log, lines } = logged();
    const { url } = await startServer({ maxConnectionsPerAddress: 3, log });
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' });
    await peer(url, 'peer-ada');

    expect(await refusedUpgrade(url + SOCKET)).toMatchObject(TOO_MANY);
    for (let round = 0; round < 50; round += 1)
      for (const path of ['/health', '/ready', '/api/call/health'])
        expect(await ask(url, path)).toEqual({ status: 200, connection: 'close' });
    expect(await ask(url, '/api/call/stats')).toEqual({ status: 429, connection: 'close' });
    expect(await ask(url, '/nothing')).toMatchObject({ status: 429 });
    expect(await ask(url, '/api/call/stats', { localAddress: OTHER })).toMatchObject({ status: 200 });
    await fence(ada, bob);
    expect(lines.filter(({ msg }) => msg === 'connection limit reached')).toMatchObject([
      { address: '127.0.0.1', connections: 3 },
    ]);
  });

  it('[D13] make room when they are idle, the one that is idle for longest first', async () => {
    const { url, port } = await startServer({ maxConnectionsPerAddress: 3 });
    const ada = await participant(url, { userId: 'ada' });
    const first = await openTcp(port);
    const second = await openTcp(port);
    for (const socket of [first, second])
      await expect.poll(async () => (await openTcp(port), socket.closed), { timeout: DEADLINE_MS }).toBe(true);
    await expect.poll(async () => (await ask(url, '/api/call/stats')).status, { timeout: DEADLINE_MS }).toBe(200);
    expect(ada.socket.connected).toBe(true);
  });

  it('[D13] make room when they are closed', async () => {
    const { url } = await startServer({ maxConnectionsPerAddress: 2 });
    const [one] = [await connect(url), await connect(url)];
    expect(await refusedUpgrade(url + SOCKET)).toMatchObject(TOO_MANY);
    one.socket.disconnect();
    await expect.poll(async () => (await ask(url, '/api/call/stats')).status).toBe(200);
    await connect(url);
  });

  it('[D13] are not refused for long polling of a connected client', async () => {
    const { url } = await startServer({ maxConnectionsPerAddress: 2 });
    const bob = await participant(url, { userId: 'bob' });
    const ada = await participant(url, { userId: 'ada' }, { transports: ['polling'], reconnection: false });
    expect(await ask(url, '/api/call/stats')).toMatchObject({ status: 429 });
    for (let round = 0; round < 20; round += 1) {
      await fence(ada, bob);
      await fence(bob, ada);
    }
    expect(ada.socket.connected).toBe(true);
    expect((await get(`${url}/socket.io/?EIO=4&transport=polling&sid=unknown`)).status).toBe(429);
  });

  it('[D13] do not take the place of others', async () => {
    const { port } = await startServer({ maxConnectionsPerAddress: 2 });
    const theirs = await openTcp(port, OTHER);
    for (let round = 0; round < 10; round += 1) await openTcp(port);
    expect(theirs.closed).toBe(false);
  });
});

it('[D13] connections of all addresses together are limited, and health checks answered', async () => {
  const { log, lines } = logged();
  const { url } = await startServer({ maxConnections: 2, maxConnectionsPerAddress: 2, log });
  await connect(url);
  await connect(url);
  for (const localAddress of [OTHER, '127.0.0.3']) {
    expect(await ask(url, '/api/call/stats', { localAddress })).toEqual({ status: 503, connection: 'close' });
    expect(await ask(url, '/health', { localAddress })).toMatchObject({ status: 200 });
  }
  expect(lines.filter(({ msg }) => msg === 'connection limit reached')).toMatchObject([{ connections: 2 }]);
});

it('[D13] the log contains the limits', async () => {
  const { log, lines } = logged();
  await startServer({ maxConnections: 20, maxConnectionsPerAddress: 9, log });
  expect(lines).toMatchObject([{ msg: 'connection limits set', maxConnections: 20, maxConnectionsPerAddress: 9 }]);
});

it('[D13] WebSocket connections inside another application are limited in total', async () => {
  const url = await startMounted({ trustProxy: 1, maxConnections: 2, maxConnectionsPerAddress: 9 });
  const ada = await connect(url, { extraHeaders: from('203.0.113.1') });
  await connect(url, { extraHeaders: from('203.0.113.2') });
  expect(await refusedUpgrade(url + SOCKET, from('203.0.113.3'))).toMatchObject({ status: 503 });
  expect((await get(`${url}/api/call/health`)).status).toBe(200);
  ada.socket.disconnect();
  await expect.poll(async () => (await get(`${url}/api/call/stats`)).status).toBe(200);
  await connect(url);
});

describe('behind a trusted proxy', () => {
  async function limited(start: (options: CallServerOptions) => Promise<string>) {
    const url = await start({ trustProxy: 1, maxConnectionsPerAddress: 2 });
    const ada = await connect(url, { extraHeaders: from('203.0.113.1') });
    await connect(url, { extraHeaders: from('203.0.113.1:5555') });
    expect(await refusedUpgrade(url + SOCKET, from('203.0.113.1'))).toMatchObject(TOO_MANY);
    expect(await get(`${url}/api/call/stats`, from('203.0.113.1'))).toMatchObject(TOO_MANY);
    expect((await get(`${url}/api/call/health`, from('203.0.113.1'))).status).toBe(200);
    for (let client = 10; client < 20; client += 1) await connect(url, { extraHeaders: from(`203.0.113.${client}`) });
    // Requests of the proxy itself, and of clients that it does not name.
    for (let round = 0; round < 4; round += 1) await connect(url);
    for (let round = 0; round < 4; round += 1) await connect(url, { extraHeaders: from('unknown') });
    ada.socket.disconnect();
    await expect.poll(async () => (await get(`${url}/api/call/stats`, from('203.0.113.1'))).status).toBe(200);
    await connect(url, { extraHeaders: from('203.0.113.1') });
  }

  it('[D13] clients are counted instead of the proxy', () =>
    limited(async (options) => (await startServer(options)).url));

  it('[D13] clients are counted inside another application', () => limited(startMounted));
});

describe('limits by file descriptors', () => {
  it.each([
    [256, 96, 48],
    [1024, 448, 224],
    [20_000, 8750, 1000],
    [1_048_576, 10_000, 1000],
    [20, 1, 1],
  ])('[D13] with %d descriptors', (descriptors, total, perAddress) => {
    expect(connectionLimitsOf({}, silent, descriptors)).toEqual({ total, perAddress });
  });

  it('[D13] cannot be exceeded by configuration', () => {
    const { log, lines } = logged();
    expect(connectionLimitsOf({ maxConnections: 5000, maxConnectionsPerAddress: 9 }, log, 1024)).toEqual({
      total: 448,
      perAddress: 9,
    });
    expect(lines).toMatchObject([{ maxConnections: 5000, descriptors: 1024, possible: 448 }]);
  });
});

/** Whether by HTTP or by HTTPS, on a server that waits 100 ms for a request head, and as long for a body. */
describe.each(['http', 'https'])('by %s, a client', (scheme) => {
  async function start(): Promise<() => Promise<Socket>> {
    const folder = await mkdtemp(join(tmpdir(), 'back-call-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const hosts = { names: ['localhost'], addresses: ['127.0.0.1'] };
    const identity = scheme === 'https' ? await openOwnIdentity({ folder, hosts: () => hosts }) : undefined;
    const limits = { total: 100, perAddress: 100 };
    const { sessions } = createEngine(() => '127.0.0.1');
    const proxies = new Proxies({});
    const connections = new Connections({ limits, proxies, sessions, refusals: new RefusalLog(silent, monotonicNow) });
    const listener = createListener({
      credentials: identity?.credentials,
      connections,
      proxies,
      keepAliveTimeoutMs: 65_000,
      timeouts: { head: 100, body: 100 },
    });
    listener.serve((req, res) => void req.resume().on('end', () => res.end('ok')));
    const { port } = await retryWhileInUse(() => listener.listen(0, '127.0.0.1'));
    onTestFinished(() => {
      listener.terminate();
      return listener.close();
    });
    return async () => {
      const socket = await openTcp(port);
      if (!identity) return socket;
      const secure = tlsConnect({ socket, ca: identity.authority?.cert, servername: 'localhost' });
      secure.on('error', () => undefined);
      await once(secure, 'secureConnect');
      return secure.resume();
    };
  }

  const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
  const answer = (socket: Socket) => before(once(socket, 'data'), () => 'an answer');

  it.each([
    ['sends nothing', ''],
    ['does not end its first head', GET.slice(0, -2)],
    ['does not end its body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1234'],
  ])('[D13] that %s is disconnected', async (_, text) => {
    const socket = await (await start())();
    socket.write(text);
    await closed(socket);
  });

  it('[D13] that does not end the head of a further request is disconnected', async () => {
    const socket = await (await start())();
    socket.write(GET);
    await answer(socket);
    socket.write(GET.slice(0, -2));
    await closed(socket);
  });

  it('[D13] that waits between two requests is kept', async () => {
    const open = await start();
    const socket = await open();
    socket.write(GET);
    await answer(socket);
    // Their ends tell that the server has looked for slow clients again and again.
    for (let round = 0; round < 3; round += 1) await closed(await open());
    const again = answer(socket);
    socket.write(GET);
    await again;
  });
});

it('[D13] an idle connection is kept longer than load balancers keep it', async () => {
  const { calls } = await startServer();
  expect(calls.server.keepAliveTimeout).toBeGreaterThan(60_000);
  expect(calls.server.headersTimeout).toBeGreaterThan(calls.server.keepAliveTimeout);
  const patient = await startServer({ keepAliveTimeoutMs: 620_000 });
  expect(patient.calls.server.keepAliveTimeout).toBe(620_000);
  expect(patient.calls.server.headersTimeout).toBeGreaterThan(620_000);
});

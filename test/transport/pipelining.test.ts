// Pipelined requests: order, and resources of connections that end early. Rule D13.

import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect as tcpConnect, type Socket } from 'node:net';
import express from 'express';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createCallServer } from '../../src/index';
import { listenOnLoopback } from '../free-port';
import { before, get, startServer } from '../helpers';
import { needBuild } from '../need';

await needBuild();

const FILE = '/client/back-call.js';

const requests = (count: number, path: string, ...headers: string[]) =>
  [`GET ${path} HTTP/1.1`, 'Host: x', ...headers, '', ''].join('\r\n').repeat(count);

async function open(port: number): Promise<Socket> {
  const socket = tcpConnect(port, '127.0.0.1').on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** How many descriptors of this process refer to the file. */
function openFiles(): number {
  const links = readdirSync('/proc/self/fd').map((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`);
    } catch {
      // The descriptor of the directory itself is closed by now.
      return '';
    }
  });
  return links.filter((link) => link.endsWith(FILE)).length;
}

async function startMounted(): Promise<number> {
  const app = express();
  const server = createServer(app);
  const calls = createCallServer({ mount: { app, server }, logLevel: 'silent', stunUrls: [] });
  const port = await listenOnLoopback(server);
  onTestFinished(async () => {
    await calls.close();
    server.closeAllConnections();
    server.close();
  });
  return port;
}

const starts: [string, () => Promise<number>][] = [
  ['alone', async () => (await startServer()).port],
  ['inside another application', startMounted],
];

describe.each(starts)('a server %s', (_, start) => {
  it.each(['identity', 'gzip'])('[D13] closes the file of every response that is cut off (%s)', async (encoding) => {
    const port = await start();
    for (let round = 0; round < 4; round += 1) {
      const socket = await open(port);
      socket.write(requests(50, FILE, `Accept-Encoding: ${encoding}`));
      await once(socket, 'data');
      socket.pause();
      socket.resetAndDestroy();
    }
    // A request that comes later is answered, and by then the connections have ended.
    expect((await get(`http://127.0.0.1:${port}/api/call/health`)).status).toBe(200);
    await expect.poll(openFiles).toBe(0);
  });

  it('[D13] opens one file at a time for a connection that does not read', async () => {
    const socket = await open(await start());
    socket.write(requests(50, FILE));
    await once(socket, 'data');
    socket.pause();
    expect(openFiles()).toBeLessThanOrEqual(1);
    socket.resetAndDestroy();
    await expect.poll(openFiles).toBe(0);
  });

  it('[D13] answers pipelined requests in their order', async () => {
    const socket = await open(await start());
    const paths = Array.from({ length: 60 }, (_, index) => `/api/call/room/m${index}%20`);
    const asked = paths.map((path, index) => requests(1, index % 2 ? path : FILE, 'Range: bytes=0-9'));
    let text = '';
    const end = before(once(socket, 'end'), () => text.slice(-500));
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.write(`${asked.join('')}${requests(1, '/api/call/health', 'Connection: close')}`);
    await end;
    const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status));
    expect(statuses).toEqual([...paths.map((_, index) => (index % 2 ? 404 : 206)), 200]);
  });

  it('[D13] ends a connection with more than 100 waiting requests', async () => {
    const socket = await open(await start());
    const closed = once(socket, 'close');
    socket.write(requests(400, FILE));
    socket.resume();
    await before(closed, () => 'the end of the connection');
    await expect.poll(openFiles).toBe(0);
  });
});

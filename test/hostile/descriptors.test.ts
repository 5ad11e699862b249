// A server with few file descriptors, and a client that takes all that it can get. Rule D13.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as tcpConnect, type Socket } from 'node:net';
import { env, execPath } from 'node:process';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished } from 'vitest';
import { before, get } from '../helpers';
import { needBuild } from '../need';
import { ATTACKER } from './attackers';
import { InnocentCall } from './innocent-call';

await needBuild();

const SDK = 'GET /client/back-call.js.map HTTP/1.1\r\nHost: x\r\n\r\n';

/** Starts the built server with this many descriptors, and returns its URL and what it logged. */
async function start(descriptors: number): Promise<{ url: string; port: number; messages: string[] }> {
  const child = spawn('bash', ['-c', `ulimit -n ${descriptors} && exec "$0" dist/server.mjs`, execPath], {
    env: {
      PATH: env.PATH,
      LOG_FORMAT: 'json',
      PORT: '0',
      HOST: '127.0.0.1',
      STUN_URLS: '',
      RATE_LIMIT_REQUESTS: '100000',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const messages: string[] = [];
  const listening = new Promise<number>((resolve) =>
    createInterface(child.stdout).on('line', (line) => {
      const { msg, port } = JSON.parse(line) as { msg: string; port: number };
      messages.push(msg);
      if (msg.startsWith('listening')) resolve(port);
    }),
  );
  const port = await before(listening, () => 'the server to listen');
  return { url: `http://127.0.0.1:${port}`, port, messages };
}

function open(port: number, localAddress: string): Promise<Socket> {
  const socket = tcpConnect({ port, host: '127.0.0.1', localAddress }).on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  return Promise.race([once(socket, 'connect'), once(socket, 'close')]).then(() => socket);
}

it.each([
  ['idle connections of another address', [ATTACKER], ''],
  ['idle connections of the same address', ['127.0.0.1'], ''],
  ['idle connections of many addresses', ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'], ''],
  ['downloads that nobody reads', ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'], SDK],
])('[D13] 1,000 %s leave health checks and calls alone', async (_, addresses, text) => {
  const { url, port, messages } = await start(1024);
  const innocents = await InnocentCall.begin(url);
  for (let index = 0; index < 1000; index += 1) {
    const socket = await open(port, addresses[index % addresses.length] ?? ATTACKER);
    socket.pause();
    if (text) socket.write(text);
  }
  for (let round = 0; round < 5; round += 1) expect((await get(`${url}/health`)).status).toBe(200);
  await innocents.noticedNothing();
  expect(messages).toContain('connection limit reached');
});

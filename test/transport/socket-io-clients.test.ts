// Which Socket.IO clients connect, and the browser builds of the client that the server serves.

import { readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import io2 from 'socket.io-client-2';
import { before, get, refusedUpgrade, startServer } from '../helpers';
import { needBuild } from '../need';

await needBuild();

/** A logger, and the lines that it has written. */
function recordingLog() {
  const lines: Record<string, unknown>[] = [];
  const write = (line: Buffer, _encoding: string, done: () => void) => {
    lines.push(JSON.parse(line.toString()) as Record<string, unknown>);
    done();
  };
  return { lines, log: pino(new Writable({ write })) };
}

describe('a Socket.IO 2.x client', () => {
  it.each(['polling', 'websocket'])('[D15] gets an error over %s, and the server logs one line', async (transport) => {
    const { lines, log } = recordingLog();
    const { url } = await startServer({ log });
    const socket = io2(url, { transports: [transport], reconnection: false, forceNew: true });
    onTestFinished(() => socket.close());
    const error = new Promise<Error & { description: unknown }>((resolve) => socket.once('connect_error', resolve));
    const { description } = await before(error, () => 'an error of the client');
    expect(String((description as Error | undefined)?.message ?? description)).toMatch(/\b400$/);
    expect(lines.filter(({ reason }) => reason === 'UNSUPPORTED_PROTOCOL_VERSION')).toHaveLength(1);
  });

  it.each(['EIO=3', 'EIO=2', 'EIO=5', 'EIO=', 'EIO=4&EIO=3', 'EIO[]=4', ''])(
    '[D15] is refused with %s',
    async (version) => {
      const { url } = await startServer();
      const refusal = { status: 400, body: { success: false, code: 'UNSUPPORTED_PROTOCOL_VERSION' } };
      for (const session of ['', '&sid=x']) {
        expect(await get(`${url}/socket.io/?${version}&transport=polling${session}`)).toMatchObject(refusal);
        expect(await refusedUpgrade(`${url}/socket.io/?${version}&transport=websocket${session}`)).toMatchObject(
          refusal,
        );
      }
    },
  );
});

describe('the browser builds of socket.io-client', () => {
  it.each(['socket.io.js', 'socket.io.min.js', 'socket.io.esm.min.js'])('[D15] are served: %s', async (file) => {
    const { url } = await startServer();
    const response = await fetch(`${url}/socket.io/${file}`, { headers: { Origin: 'http://localhost:5173' } });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^(text|application)\/javascript/);
    expect(response.headers.get('cache-control')).toBe('no-cache');
    expect(response.headers.get('etag')).not.toBeNull();
    expect(response.headers.get('access-control-allow-origin')).toBe('http://localhost:5173');
    expect(await response.text()).toBe(readFileSync(`node_modules/socket.io-client/dist/${file}`, 'utf8'));
  });

  it.each(['nothing.js', 'socket.io.js.map', '..%2fserver.mjs', '../server.mjs', 'SOCKET.IO.JS', 'socket.io.js/'])(
    '[D15] are the only files: %s',
    async (file) => {
      const { url } = await startServer();
      expect((await fetch(`${url}/socket.io/${file}`)).status).toBe(404);
    },
  );
});

// Hostile requests at the HTTP door, foreign origins at every door, and upgrades that are none.

import { describe, expect } from 'vitest';
import { WebSocket } from 'ws';
import { GENEROUS, PeerWire } from '../helpers';
import { ask, TcpWire, UPGRADE, type HttpQuestion } from './attackers';
import { besieged, type ServerUnderAttack } from './siege';
import { needBuild } from '../need';

await needBuild();

const attack = besieged({ rateLimits: GENEROUS, demo: true });

const codeOf = (text: string) => (JSON.parse(text.slice(text.indexOf('{'))) as { code: string }).code;

/** Sends a request head as it is, and gives the whole answer once the server has closed the connection. */
async function say(server: ServerUnderAttack, line: string, headers: string[] = ['Host: x']): Promise<string> {
  const head = [line, ...headers, 'Connection: close'].join('\r\n');
  return new TcpWire(server).send(`${head}\r\n\r\n`).end();
}

describe('a request target', () => {
  // Whatever is not ours to answer gets an answer of ours, with a code.
  const targets: Record<string, [status: number, code?: string]> = {
    'GET //': [200],
    'GET http://x/': [200],
    'GET http://x/api/call/stats': [200],
    'OPTIONS *': [204],
    'GET *': [404, 'NOT_FOUND'],
    'GET ///': [200],
    'GET //api/call/stats': [200],
    'GET //api//call///stats': [200],
    'GET /peerjs//peerjs/id': [200],
    'GET //x/api/call/stats': [404, 'NOT_FOUND'],
    'GET /..//api/call/stats': [404, 'NOT_FOUND'],
    'GET /%2f/api/call/stats': [404, 'NOT_FOUND'],
    'GET /demo//..//server.mjs': [404, 'NOT_FOUND'],
    'GET /client//server.mjs': [404, 'NOT_FOUND'],
    'GET http://x//api/call/stats': [404, 'NOT_FOUND'],
    'GET /../../etc/passwd': [404, 'NOT_FOUND'],
    'GET /..%2f..%2fetc/passwd': [404, 'NOT_FOUND'],
    'GET /__proto__': [404, 'NOT_FOUND'],
    'GET /api/call/__proto__': [404, 'NOT_FOUND'],
    'GET /api/call/room/': [404, 'NOT_FOUND'],
    'GET /api/call/room/__proto__': [404, 'ROOM_NOT_FOUND'],
    'GET /api/call/room/a%2Fb': [404, 'ROOM_NOT_FOUND'],
    'GET /api/call/peers/constructor': [404, 'PEER_NOT_FOUND'],
    'GET /api/call/peers/__proto__': [400, 'INVALID_PAYLOAD'],
    'GET /api/call/room/%': [400, 'INVALID_PAYLOAD'],
    'GET /api/call/room/%ff': [400, 'INVALID_PAYLOAD'],
    'GET /api/call/room/%00': [400, 'INVALID_PAYLOAD'],
    'GET /api/call/peers/%E0%A4%A': [400, 'INVALID_PAYLOAD'],
    [`GET /api/call/room/${'x'.repeat(129)}`]: [400, 'INVALID_PAYLOAD'],
    [`GET /api/call/room/${'x'.repeat(10_000)}`]: [400, 'INVALID_PAYLOAD'],
    'GET /peerjs/%': [400, 'INVALID_PAYLOAD'],
    'GET /peerjs/%ff/id': [400, 'INVALID_PAYLOAD'],
    'GET /peerjs/peerjs/nope': [404, 'NOT_FOUND'],
    'GET /socket.io//?EIO=4&transport=polling': [200],
    'GET /socket.io//x/?EIO=4&transport=polling': [404, 'NOT_FOUND'],
    'POST /api/call/stats': [404, 'NOT_FOUND'],
    'DELETE /api/call/room/m': [404, 'NOT_FOUND'],
    'TRACE /': [404, 'NOT_FOUND'],
    'GET /client/../server.js': [404, 'NOT_FOUND'],
    'GET /demo/..%2f..%2fpackage.json': [404, 'NOT_FOUND'],
    'GET /demo/%': [404, 'NOT_FOUND'],
    'GET http://x/demo': [302],
    'GET http://': [404, 'NOT_FOUND'],
    'GET http://?x': [404, 'NOT_FOUND'],
    'GET http://[/': [404, 'NOT_FOUND'],
    'GET http://[::1/api/call/stats': [404, 'NOT_FOUND'],
  };
  for (const [target, [status, code]] of Object.entries(targets))
    attack(target.slice(0, 60), async (server) => {
      const answer = await say(server, `${target} HTTP/1.1`);
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      if (code !== undefined) expect(codeOf(answer)).toBe(code);
    });

  attack('without a usable Host, where the answer would need one', async (server) => {
    for (const host of ['', 'a b', '[', 'x:99999', '%', '<script>'])
      expect(codeOf(await say(server, 'GET /api/call/config HTTP/1.1', [`Host: ${host}`]))).toBe('INVALID_PAYLOAD');
    expect(codeOf(await say(server, 'GET /api/call/config HTTP/1.0', []))).toBe('INVALID_PAYLOAD');
  });
});

describe('a message', () => {
  const rejected: Record<string, string> = {
    'a header that never ends': `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}`,
    'thousands of headers': `GET / HTTP/1.1\r\nHost: x\r\n${'X-Padding: padding\r\n'.repeat(2000)}\r\n`,
    'a target that never ends': `GET /${'x'.repeat(20_000)}`,
  };
  for (const [what, message] of Object.entries(rejected))
    attack(`with ${what} is too large`, async (server) => {
      expect(await new TcpWire(server).send(message).end()).toMatch(/^HTTP\/1.1 431 /);
    });

  const post = 'POST /api/call/stats HTTP/1.1\r\nHost: x\r\n';
  const smuggled: Record<string, string> = {
    'two lengths': `${post}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
    'a length and chunks': `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'chunks that are not the last encoding': `${post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    'a length that is no number': `${post}Content-Length: +5\r\n\r\nhello`,
    'a chunk size that is no number': `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n`,
    'a blank before the colon': `${post}Content-Length : 5\r\n\r\nhello`,
    'a header of two lines': 'GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\u0000: c\r\n\r\n',
    'a bare line feed in a header': 'GET / HTTP/1.1\r\nHost: x\r\nX: a\nGET /admin HTTP/1.1\r\n\r\n',
    'no Host': 'GET / HTTP/1.1\r\n\r\n',
    'control characters in the target': 'GET /\u0001 HTTP/1.1\r\nHost: x\r\n\r\n',
    'no HTTP at all': '\u0016\u0003\u0001\u0002\u0000\r\n\r\n',
    'HTTP of the future': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  };
  for (const [what, message] of Object.entries(smuggled))
    attack(`with ${what} is refused, and what follows it unread`, async (server) => {
      const answer = await new TcpWire(server).send(`${message}GET /health HTTP/1.1\r\nHost: x\r\n\r\n`).end();
      expect(answer).toMatch(/^HTTP\/1.1 400 /);
      expect(answer).not.toContain('voice-call-server');
    });

  attack('that wants a tunnel is hung up on', async (server) => {
    expect(await new TcpWire(server).send('CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n').end()).toBe('');
  });

  for (const [method, path] of [
    ['POST', '/api/call/stats'],
    ['GET', '/api/call/stats'],
    ['POST', '/peerjs/peerjs/id'],
    ['POST', '/nope'],
  ])
    attack(`${method} ${path} with an endless body is answered before it ends, and takes no memory`, async (server) => {
      const before = await server.memory();
      const wire = new TcpWire(server).send(
        `${method} ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`,
      );
      await wire.answer('"success":');
      const megabyte = Buffer.alloc(1024 * 1024, 'x');
      for (let sent = 0; sent < 64 && !wire.socket.destroyed; sent += 1) {
        const chunk = Buffer.concat([Buffer.from('100000\r\n'), megabyte, Buffer.from('\r\n')]);
        await new Promise((resolve) => wire.socket.write(chunk, resolve));
      }
      expect((await server.memory()) - before).toBeLessThan(50e6);
      wire.socket.destroy();
    });
});

/** Every way in. */
const DOORS: Record<string, HttpQuestion> = {
  'GET /': { path: '/' },
  'GET /health': { path: '/health' },
  'GET /api/call/stats': { path: '/api/call/stats' },
  'GET /nope': { path: '/nope' },
  'a preflight': { path: '/api/call/stats', method: 'OPTIONS', headers: { 'Access-Control-Request-Method': 'GET' } },
  'POST /api/call/stats': { path: '/api/call/stats', method: 'POST', body: '{}' },
  'the SDK': { path: '/client/back-call.js' },
  'the demo': { path: '/demo/' },
  'a PeerJS id': { path: '/peerjs/peerjs/id' },
  'long polling': { path: '/socket.io/?EIO=4&transport=polling' },
  'a Socket.IO upgrade': { path: '/socket.io/?EIO=4&transport=websocket', headers: UPGRADE },
  'a Socket.IO upgrade of a session': { path: '/socket.io/?EIO=4&transport=websocket&sid=x', headers: UPGRADE },
  'a PeerJS upgrade': { path: '/peerjs/peerjs?key=peerjs&id=mallory&token=t', headers: UPGRADE },
  'an upgrade of nothing': { path: '/nope', headers: UPGRADE },
};
const ORIGINS = [
  'https://evil.example',
  'null',
  '',
  'http://localhost:5173.evil.example',
  'file://',
  'http://127.0.0.1',
  'garbage',
];

describe('a foreign origin is refused', () => {
  for (const [door, question] of Object.entries(DOORS))
    attack(`at ${door}`, async (server) => {
      for (const origin of [...ORIGINS, `http://127.0.0.1:${server.port + 1}`]) {
        const answer = await ask(server, { ...question, headers: { ...question.headers, Origin: origin } });
        expect([origin, answer.status, codeOf(answer.text)]).toEqual([origin, 403, 'ORIGIN_NOT_ALLOWED']);
        expect(answer.headers['content-type']).toContain('application/json');
        // A page may read why it is refused; before that, a preflight asks in vain.
        const isReadable = question.method !== 'OPTIONS' && !('Upgrade' in (question.headers ?? {}));
        expect(answer.headers['access-control-allow-origin']).toBe(isReadable ? origin : undefined);
        expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
      }
    });
});

describe('our own origin, an allowed one, and none at all come in', () => {
  for (const [door, question] of Object.entries(DOORS).filter(([name]) => !/nope|nothing|session/.test(name)))
    attack(`at ${door}`, async (server) => {
      for (const origin of [server.url, 'http://localhost:5173', 'HTTP://LOCALHOST:5173', undefined]) {
        const headers = { ...question.headers, ...(origin !== undefined && { Origin: origin }) };
        const outcome = ask(server, { ...question, headers }).then(
          ({ status }) => status,
          // That is what `ask` says of an upgrade that was not refused.
          (error: unknown) => (String(error).includes('was accepted') ? 101 : error),
        );
        const expected = 'Upgrade' in headers ? [101] : question.method === 'POST' ? [404] : [200, 204];
        expect(expected).toContain(await outcome);
      }
    });
});

describe('an upgrade', () => {
  for (const path of [
    '/',
    '/nope',
    '/socket.io',
    '/socket.iox/',
    '/socket.io/x',
    '/peerjs',
    '/peerjs/',
    '/peerjs/peerjs/',
    '/peerjs//peerjs//',
    '/PEERJS/PEERJS',
    '/peerjs/peerjs%3f',
    '/peerjs/peerjs#?id=a',
    'http://x/peerjs/peerjs?key=peerjs&id=a&token=t',
  ])
    attack(`of ${path}, which is no door, gets its answer at once`, async (server) => {
      const headers = ['Host: x', ...Object.entries(UPGRADE).map(([name, value]) => `${name}: ${value}`)];
      const answer = await new TcpWire(server).send([`GET ${path} HTTP/1.1`, ...headers, '', ''].join('\r\n')).end();
      expect(answer).toMatch(/^HTTP\/1.1 404 /);
      expect(codeOf(answer)).toBe('NOT_FOUND');
    });

  for (const path of ['/peerjs//peerjs', '//peerjs/peerjs', '//peerjs//peerjs'])
    attack(`of ${path} opens a PeerJS connection`, async (server) => {
      const ws = new WebSocket(`ws://127.0.0.1:${server.port}${path}?key=peerjs&id=mallory&token=//t`);
      await new PeerWire(ws).next('OPEN');
    });

  for (const target of [
    '//',
    '//evil.example',
    '///evil.example/%2f..',
    '//demo',
    '//evil.example//demo',
    '/\\evil.example',
  ])
    attack(`of ${target} by HTTP gets no redirect to another host`, async (server) => {
      const { headers } = await ask(server, { path: target, headers: { Accept: 'text/html' } });
      const location = new URL(headers.location ?? '', `http://127.0.0.1:${server.port}${target}`);
      if (headers.location !== undefined) expect(location.host).toBe(`127.0.0.1:${server.port}`);
    });

  const { 'Sec-WebSocket-Key': _, ...withoutKey } = UPGRADE;
  const broken: Record<string, [headers: Record<string, string>, status: number, method?: string]> = {
    'without a key': [withoutKey, 400],
    'with a key that is too short': [{ ...UPGRADE, 'Sec-WebSocket-Key': 'short' }, 400],
    'with a key that is no base64': [{ ...UPGRADE, 'Sec-WebSocket-Key': '!!!!!!!!!!!!!!!!!!!!!!==' }, 400],
    'with a version of the past': [{ ...UPGRADE, 'Sec-WebSocket-Version': '5' }, 400],
    'with a broken subprotocol': [{ ...UPGRADE, 'Sec-WebSocket-Protocol': ',,' }, 400],
    'to another protocol': [{ ...UPGRADE, Upgrade: 'h2c' }, 400],
  };
  for (const [what, [headers, status]] of Object.entries(broken))
    for (const path of ['/peerjs/peerjs?key=peerjs&id=mallory&token=t', '/socket.io/?EIO=4&transport=websocket'])
      attack(`${what}, of ${path.slice(0, 10)}`, async (server) => {
        expect((await ask(server, { path, headers })).status).toBe(status);
      });

  attack('by POST', async (server) => {
    const wrong = [405, 400] as const;
    const paths = ['/peerjs/peerjs?key=peerjs&id=mallory&token=t', '/socket.io/?EIO=4&transport=websocket'];
    for (const [index, path] of paths.entries())
      expect((await ask(server, { path, method: 'POST', headers: UPGRADE, body: 'x' })).status).toBe(wrong[index]);
  });

  attack('whose sender is gone before the answer', async (server) => {
    const heads = [
      '/peerjs/peerjs?key=peerjs&id=mallory&token=t',
      '/socket.io/?EIO=4&transport=websocket',
      '/nope',
    ].map((path) =>
      [
        `GET ${path} HTTP/1.1`,
        'Host: x',
        ...Object.entries(UPGRADE).map(([name, value]) => `${name}: ${value}`),
        '',
        '',
      ].join('\r\n'),
    );
    const wires = Array.from({ length: 60 }, (_, index) => new TcpWire(server).send(heads[index % heads.length] ?? ''));
    for (const { socket } of wires) socket.once('connect', () => socket.resetAndDestroy());
    await Promise.all(wires.map((wire) => wire.end()));
  });
});

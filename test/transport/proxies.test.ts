// What proxies in front of the server may say: client addresses, hosts, ports and path prefixes. Rules D13 and D14.

import type { IncomingHttpHeaders } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { networkOf } from '../../src/transport/limits';
import { Proxies } from '../../src/transport/proxies';
import { GENEROUS, get, refusedUpgrade, startServer } from '../helpers';

const PROXY = '10.0.0.1';

function request(headers: IncomingHttpHeaders, remoteAddress = PROXY) {
  return { headers, socket: Object.defineProperty(new Socket(), 'remoteAddress', { value: remoteAddress }) };
}

const clientOf = (forwarded: string, trustProxy: number | string[] = 1) =>
  new Proxies({ trustProxy }).clientAddressOf(request({ 'x-forwarded-for': forwarded }));

describe('X-Forwarded-For', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7:49152', '203.0.113.7'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['"[2001:db8::1]:443"', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['198.51.100.9, 203.0.113.7:49152', '203.0.113.7'],
    [' ,203.0.113.7, ', '203.0.113.7'],
  ])('[D14] names a client with or without its port: %s', (forwarded, client) => {
    expect(clientOf(forwarded)).toBe(client);
  });

  it.each(['unknown', '_hidden', '', '203.0.113', '0x7f.1', '010.0.0.1', '1', '[::1', 'for=1.2.3.4', '1.2.3.4:x'])(
    '[D14] without an address counts as the proxy: %j',
    (entry) => {
      expect(clientOf(entry)).toBe(PROXY);
      expect(clientOf(`198.51.100.9, ${entry}`)).toBe(entry === '' ? '198.51.100.9' : PROXY);
      expect(clientOf(`${entry}, 10.0.0.2:80`, ['10.0.0.0/8'])).toBe('10.0.0.2');
    },
  );

  it('[D14] is read as far as proxies are trusted', () => {
    const chain = '1.1.1.1, 203.0.113.7, 10.0.0.2:8080';
    expect(clientOf(chain, 0)).toBe(PROXY);
    expect(clientOf(chain, 1)).toBe('10.0.0.2');
    expect(clientOf(chain, 2)).toBe('203.0.113.7');
    expect(clientOf(chain, ['10.0.0.0/8'])).toBe('203.0.113.7');
    expect(clientOf(chain, ['192.0.2.0/24'])).toBe(PROXY);
  });

  it('[D14] counts one client under one rate limit, whatever its ports are', async () => {
    const { url } = await startServer({ trustProxy: 1, rateLimits: { ...GENEROUS, requests: 3, windowMs: 60_000 } });
    const ask = async (forwarded: string) =>
      (await get(`${url}/api/call/stats`, { 'X-Forwarded-For': forwarded })).status;
    for (const port of [1, 2, 3]) expect(await ask(`203.0.113.7:${port}`)).toBe(200);
    expect(await ask('203.0.113.7')).toBe(429);
    for (const entry of ['unknown', '_hidden', '_other']) expect(await ask(entry)).toBe(200);
    expect(await ask('_another')).toBe(429);
    expect(await ask('[2001:db8::1]:443')).toBe(200);
  });
});

describe('an address counts', () => {
  it.each([
    ['by its /64', '2001:db8:1:2::1', '2001:db8:1:2:ffff::9', true],
    ['apart from other /64s', '2001:db8:1:2::1', '2001:db8:1:3::1', false],
    ['by itself when it is link-local', 'fe80::1', 'fe80::2', false],
    ['by itself in each zone', 'fe80::1%eth0', 'fe80::1%eth1', false],
    ['by itself when it is link-local, in one zone', 'fe80::1%eth0', 'fe80::2%eth0', false],
    ['by itself in a local network (RFC 4193)', 'fd00::1', 'fd00::2', false],
    ['by itself behind NAT64', '64:ff9b::c000:201', '64:ff9b::c000:202', false],
    ['as its IPv4 address behind NAT64', '64:ff9b::c000:201', '192.0.2.1', true],
    ['by itself behind a local NAT64', '64:ff9b:1::c000:201', '64:ff9b:1::c000:202', false],
    ['as its IPv4 address when it is mapped', '::ffff:192.0.2.1', '192.0.2.1', true],
    ['as its IPv4 address with 6to4', '2002:c000:201:1::1', '2002:c000:201:2::1', true],
    ['by itself with 6to4', '2002:c000:201::1', '2002:c000:202::1', false],
    ['by itself with Teredo', '2001:0:c000:201::3fff:fdfe', '2001:0:c000:201::3fff:fdfd', false],
    ['as one client with Teredo, whatever its server is', '2001:0:1::3fff:fdfe', '2001:0:2::3fff:fdfe', true],
    ['by itself on the loopback', '::1', '::2', false],
  ])('[D13] %s: %s and %s', (_, one, other, isSame) => {
    expect(networkOf(one) === networkOf(other)).toBe(isSame);
  });
});

describe('the own host', () => {
  it.each([
    ['https://calls.example', { Host: 'calls.example:443' }],
    ['http://calls.example', { Host: 'calls.example:80' }],
    ['https://calls.example', { 'X-Forwarded-Host': 'calls.example:443' }],
    ['https://calls.example', { 'X-Forwarded-Host': 'Calls.Example', 'X-Forwarded-Port': '443' }],
    ['https://calls.example', { Host: 'calls.example', 'X-Forwarded-Port': '8080', 'X-Forwarded-Proto': 'https' }],
    ['https://calls.example:8443', { Host: 'calls.example', 'X-Forwarded-Port': '8443', 'X-Forwarded-Proto': 'https' }],
    ['https://calls.example:8443', { 'X-Forwarded-Host': 'calls.example:8443' }],
    ['https://calls.example:8443', { 'X-Forwarded-Host': 'calls.example:8443', 'X-Forwarded-Port': '443' }],
    ['https://calls.example', { 'X-Forwarded-Host': 'calls.example:443, inner:80' }],
    ['https://[2001:db8::1]', { Host: '[2001:db8::1]:443' }],
    ['https://[2001:db8::1]:8443', { Host: '[2001:db8::1]', 'X-Forwarded-Port': '8443' }],
  ])('[D1] [D14] is %s for %j', (Origin, headers) => {
    const proxies = new Proxies({ trustProxy: 1 });
    const names = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
    expect(proxies.isOwnOrigin(new URL(Origin), request(Object.fromEntries(names) as IncomingHttpHeaders))).toBe(true);
  });

  it.each([
    ['https://calls.example:8443', { host: 'calls.example:443' }],
    ['http://calls.example', { host: 'calls.example:443' }],
    ['https://evil.example', { host: 'calls.example', 'x-forwarded-port': '443' }],
    ['https://evil.example', { host: 'calls.example', 'x-forwarded-host': '' }],
    ['capacitor://calls.example', { host: 'calls.example' }],
    ['https://evil.example', { host: 'calls.example@evil.example' }],
  ])('[D1] [D14] is not %s for %j', (origin, headers) => {
    expect(new Proxies({ trustProxy: 1 }).isOwnOrigin(new URL(origin), request(headers))).toBe(false);
  });

  it('[D14] is what a trusted proxy says, and nobody else', async () => {
    const headers = { Origin: 'https://calls.example', 'X-Forwarded-Host': 'calls.example:443' };
    const upgrade = '/socket.io/?EIO=4&transport=websocket';
    for (const trustProxy of [undefined, 0, ['192.0.2.1']]) {
      const { url } = await startServer({ trustProxy });
      expect((await get(`${url}/health`, headers)).status).toBe(403);
      expect((await refusedUpgrade(url + upgrade, headers)).status).toBe(403);
    }
    for (const trustProxy of [1, ['127.0.0.1']]) {
      const { url } = await startServer({ trustProxy });
      expect((await get(`${url}/health`, headers)).status).toBe(200);
    }
  });
});

describe('behind a sub-path', () => {
  const FORWARDED = {
    'X-Forwarded-Host': 'example.com',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Prefix': '/calls',
  };

  async function pathsGivenOut(url: string, headers: Record<string, string>) {
    const config = (await get(`${url}/api/call/config`, headers)).body.data as Record<string, Record<string, unknown>>;
    const root = (await get(url, { ...headers, Accept: 'application/json' })).body;
    const accept = { Accept: 'text/html' };
    const home = await fetch(url, { headers: { ...headers, ...accept }, redirect: 'manual' });
    return {
      peer: config.peer,
      socketPath: config.socket?.path,
      endpoints: root.endpoints as Record<string, string>,
      home: home.headers.get('location'),
    };
  }

  const peer = { host: 'example.com', port: 443, path: '/calls/peerjs', secure: true, key: 'peerjs' };

  it.each(['/calls', '/calls/', 'calls', '//calls'])(
    '[D14] gives out paths with X-Forwarded-Prefix: %s',
    async (prefix) => {
      const { url } = await startServer({ trustProxy: 1, demo: true });
      const paths = await pathsGivenOut(url, { ...FORWARDED, 'X-Forwarded-Prefix': prefix });
      expect(paths).toMatchObject({ peer, socketPath: '/calls/socket.io/', home: '/calls/demo/' });
      for (const path of Object.values(paths.endpoints)) expect(path).toMatch(/^\/calls\/[a-z.]/);
    },
  );

  it('[D14] gives out the paths of PUBLIC_URL, whatever a request says', async () => {
    const { url } = await startServer({ publicUrl: 'https://example.com/calls', demo: true });
    const paths = await pathsGivenOut(url, { 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Prefix': '/evil' });
    expect(paths).toMatchObject({ peer, socketPath: '/calls/socket.io/', home: '/calls/demo/' });
    expect((await get(`${url}/health`, { Origin: 'https://example.com' })).status).toBe(200);
  });

  it.each(['/a b', '/%00"<', '/../x', '/a?b', '/a#b', 'https://evil.example/x?', '/\\evil'])(
    '[D14] ignores a prefix that is no path: %s',
    async (prefix) => {
      const { url } = await startServer({ trustProxy: 1, demo: true });
      const headers = { ...FORWARDED, 'X-Forwarded-Prefix': prefix };
      expect(await pathsGivenOut(url, headers)).toMatchObject({ socketPath: '/socket.io/', home: 'demo/' });
    },
  );

  it('[D14] never redirects to another host', async () => {
    const { url } = await startServer({ trustProxy: 1, demo: true });
    const { home } = await pathsGivenOut(url, { ...FORWARDED, 'X-Forwarded-Prefix': '//evil.example' });
    expect(home).toBe('/evil.example/demo/');
  });

  it('[D14] ignores X-Forwarded-Prefix of clients', async () => {
    const { url, port } = await startServer({ demo: true });
    expect(await pathsGivenOut(url, FORWARDED)).toMatchObject({
      peer: { host: '127.0.0.1', port, path: '/peerjs', secure: false },
      socketPath: '/socket.io/',
      home: 'demo/',
    });
  });
});

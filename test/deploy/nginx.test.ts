// Behind nginx, as docs/deploy.md sets it up: everything works as without it, and everybody is still who they are.

import { describe, expect, it, vi } from 'vitest';
import type { CallServerOptions } from '../../src/index';
import { allHearAll, roster, Stage, unmuteAll } from '../e2e/browser';
import { joinAll } from '../e2e/sdk';
import { ServerProcess } from '../e2e/server-process';
import {
  DEADLINE_MS,
  connect,
  dial,
  fence,
  GENEROUS,
  get,
  joinAs,
  participant,
  peer,
  refusedUpgrade,
  startServer,
  upgraded,
} from '../helpers';
import { OURS, relays, startNginx, statusFor, type Nginx } from './nginx';
import { freePort } from '../free-port';

async function behindNginx(options: CallServerOptions = {}): Promise<Nginx> {
  const { port } = await startServer({ trustProxy: 1, ...options });
  return startNginxBefore(port);
}

const startNginxBefore = (port: number) => startNginx('docs/deploy.md', { '127.0.0.1:5000': port });

describe('behind nginx', () => {
  it('REST answers, and points a frontend at the public host, its port and HTTPS', async () => {
    const { url, port } = await behindNginx();
    expect(await get(`${url}/health`)).toMatchObject({ status: 200, body: { status: 'ok' } });
    expect(await get(`${url}/api/call/room/nobody`)).toMatchObject({ status: 404, body: { code: 'ROOM_NOT_FOUND' } });
    const { body } = await get(`${url}/api/call/config`, { 'X-Forwarded-Host': 'evil.example' });
    expect(body.data).toMatchObject({ peer: { host: '127.0.0.1', port, secure: true } });
  });

  it('[D2] WebSockets, polling that upgrades, and PeerJS work side by side', async () => {
    const { url } = await behindNginx();
    const ada = await participant(url, { userId: 'ada' }, OURS);
    const client = await connect(url, { ...OURS, transports: ['polling', 'websocket'] });
    await upgraded(client);
    const bob = await joinAs(client, { userId: 'bob' });
    await Promise.all([fence(ada, bob), fence(bob, ada)]);
    await relays(await peer(url, 'peer-ada'), await peer(url, 'peer-bob'), 'peer-bob');
    expect((await ada.next('call:peer-status')).online).toBe(true);
  });

  it('[D1] a page of the public host comes in, and a foreign one does not, whatever host it invents', async () => {
    const { url } = await behindNginx({ corsOrigins: ['https://app.example'] });
    const own = { Origin: url };
    expect((await get(`${url}/health`, own)).status).toBe(200);
    await connect(url, { ...OURS, extraHeaders: own });
    await dial(url, { id: 'ada', token: 't' }, { headers: own }).next('OPEN');

    const foreign = { Origin: 'https://evil.example', 'X-Forwarded-Host': 'evil.example' };
    const refusal = { status: 403, body: { code: 'ORIGIN_NOT_ALLOWED' } };
    for (const path of ['/health', '/socket.io/?EIO=4&transport=polling'])
      expect(await get(`${url}${path}`, foreign)).toMatchObject(refusal);
    for (const path of ['/socket.io/?EIO=4&transport=websocket', '/peerjs/peerjs?key=peerjs&id=bob&token=t'])
      expect(await refusedUpgrade(`${url}${path}`, foreign)).toMatchObject(refusal);
  });

  it.each([
    { trustProxy: 1, forger: 429, neighbour: 200 },
    { trustProxy: ['127.0.0.1'], forger: 429, neighbour: 200 },
    // Too many: the address that a client invents is believed. None: all clients are one.
    { trustProxy: 2, forger: 200, neighbour: 200 },
    { trustProxy: 0, forger: 429, neighbour: 429 },
  ])(
    '[D3] with TRUST_PROXY $trustProxy, who asked too much gets $forger under a false address, a neighbour $neighbour',
    async ({ trustProxy, forger, neighbour }) => {
      const rateLimits = { ...GENEROUS, requests: 1, windowMs: 60_000 };
      const { url } = await behindNginx({ trustProxy, rateLimits });
      expect(await statusFor('127.0.0.2', url)).toBe(200);
      expect(await statusFor('127.0.0.2', url)).toBe(429);
      expect(await statusFor('127.0.0.2', url, { 'X-Forwarded-For': '203.0.113.1' })).toBe(forger);
      expect(await statusFor('127.0.0.3', url)).toBe(neighbour);
    },
  );

  it('nobody notices that nginx reads its configuration again', async () => {
    const nginx = await behindNginx();
    const { url } = nginx;
    const ada = await participant(url, { userId: 'ada' }, OURS);
    const bob = await participant(url, { userId: 'bob' }, OURS);
    const [adasPeer, bobsPeer] = [await peer(url, 'peer-ada'), await peer(url, 'peer-bob')];
    const ids = [ada.socket.id, bob.socket.id];
    await nginx.reload();
    await participant(url, { userId: 'carol' }, OURS);
    await Promise.all([fence(ada, bob), fence(bob, ada), relays(adasPeer, bobsPeer, 'peer-bob')]);
    expect([ada.socket.id, bob.socket.id]).toEqual(ids);
  });

  it('[C3] two pages of the SDK hear each other, while the server restarts and after', async () => {
    const stage = await Stage.open('--ignore-certificate-errors');
    const environment = { STUN_URLS: '', HOST: '127.0.0.1', CORS_ORIGIN: stage.origin, TRUST_PROXY: '1' };
    const { server, port } = await ServerProcess.start({ ...environment, PORT: String(await freePort()) });
    const { url } = await startNginxBefore(port);
    const callers = await joinAll(stage, url, 'alice', 'bob');
    await unmuteAll(callers);
    await allHearAll(callers);

    await server.end('SIGTERM');
    await allHearAll(callers);
    await ServerProcess.start({ ...environment, PORT: String(port) });
    await vi.waitUntil(async () => (await roster(url)).length === 2, { interval: 100, timeout: DEADLINE_MS });
    await allHearAll(callers);
    expect(await Promise.all(callers.map((caller) => caller.connectionCount()))).toEqual([1, 1]);
  });
});

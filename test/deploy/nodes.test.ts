// Two nodes behind nginx, as docs/scaling.md sets them up: from outside they are one server, and one of them may be gone.

import { once } from 'node:events';
import { Agent } from 'node:https';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { CallServerOptions } from '../../src/index';
import { allHearAll, enterOnce, roster, Stage, unmuteAll, type Caller } from '../e2e/browser';
import { expectOneConnectionPerPair, expectWhole, join, joinAll } from '../e2e/sdk';
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
  upgraded,
  type ConnectOptions,
  type Participant,
  type PeerWire,
  type Running,
} from '../helpers';
import { freePort } from '../free-port';
import { expectAgreement, startNodes, usersIn } from '../nodes';
import { RedisServer } from '../redis-server';
import { OURS, relays, startNginx, statusFor, type Nginx } from './nginx';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.end());

type Pair<T> = [T, T];

const startNginxBefore = ([first, second]: Pair<number>) =>
  startNginx('docs/scaling.md', { '127.0.0.1:5001': first, '127.0.0.1:5002': second });

async function behindNginx(options: CallServerOptions = {}): Promise<{ nginx: Nginx; nodes: Pair<Running> }> {
  const nodes = (await startNodes(redis, 2, { trustProxy: 1, ...options })) as Pair<Running>;
  return { nginx: await startNginxBefore([nodes[0].port, nodes[1].port]), nodes };
}

/** How many connections stand at each node. nginx keeps none that nobody uses. */
async function connectionsOf(nodes: Running[]): Promise<number[]> {
  const count = ({ calls: { server } }: Running) =>
    new Promise<number>((resolve, reject) =>
      server.getConnections((error, connections) => (error ? reject(error) : resolve(connections))),
    );
  return Promise.all(nodes.map(count));
}

/** Waits until somebody is told that of a user. */
const told = ({ inbox }: Participant, event: string, userId: string) =>
  inbox.next(
    ([name, payload]) => name === event && (payload as { userId: string }).userId === userId,
    `${event} of ${userId}`,
  );

/** Who was there is told of everybody who came after; then everybody sends a signal to everybody. */
async function allReachAll(participants: Participant[]): Promise<void> {
  for (const [index, { userId }] of participants.entries())
    for (const earlier of participants.slice(0, index)) await told(earlier, 'call:peer-joined', userId);
  for (const from of participants) for (const to of participants) if (from !== to) await fence(from, to);
}

/** Who polls has to say goodbye while nginx is there: else the nodes wait for it to fetch theirs. */
async function allLeave(participants: Participant[], url: string): Promise<void> {
  for (const { socket } of participants) socket.disconnect();
  await vi.waitUntil(async () => (await usersIn(url)).length === 0, { timeout: DEADLINE_MS });
}

/** Default transports of Socket.IO's client, or the given ones, from another address of this machine. */
function from(localAddress: string, transports = ['polling', 'websocket']): ConnectOptions {
  const agent = new Agent({ localAddress, rejectUnauthorized: false });
  // Its types know agents of browsers' polling alone; in Node.js it gives them to every request.
  return { ...OURS, transports, agent: agent as unknown as string };
}

/** So many addresses of this machine. */
const addresses = (count: number) => Array.from({ length: count }, (_, index) => `127.0.0.${index + 11}`);

describe('two nodes behind nginx', () => {
  it('share what is asked by REST, and point a frontend at the public host', async () => {
    const { nginx, nodes } = await behindNginx();
    const asked = [0, 0];
    nodes.forEach(({ calls }, index) => calls.server.on('request', () => (asked[index] = (asked[index] ?? 0) + 1)));
    for (let turn = 0; turn < 4; turn += 1) {
      const { body } = await get(`${nginx.url}/api/call/config`, { 'X-Forwarded-Host': 'evil.example' });
      expect(body.data).toMatchObject({ peer: { host: '127.0.0.1', port: nginx.port, secure: true } });
    }
    expect(asked).toEqual([2, 2]);
  });

  it('[R2] [R11] [P1] share WebSockets and peers, and who is on one sees, and reaches, who is on the other', async () => {
    const { nginx, nodes } = await behindNginx();
    const { url } = nginx;
    const people: Participant[] = [];
    for (const userId of ['ada', 'bob', 'carol', 'dan']) people.push(await participant(url, { userId }, OURS));
    expect(await connectionsOf(nodes)).toEqual([2, 2]);
    await allReachAll(people);
    // Twice: each of the two is asked.
    await expectAgreement([url, url], ['ada', 'bob', 'carol', 'dan']);

    await vi.waitUntil(async () => (await connectionsOf(nodes)).join() === '2,2', { timeout: DEADLINE_MS });
    const peers: { id: string; wire: PeerWire }[] = [];
    for (const { peerId: id } of people) peers.push({ id, wire: await peer(url, id) });
    expect(await connectionsOf(nodes)).toEqual([4, 4]);
    for (const sender of peers)
      for (const addressee of peers) if (sender !== addressee) await relays(sender.wire, addressee.wire, addressee.id);
    for (const { peerId } of people)
      expect((await get(`${url}/api/call/peers/${peerId}`)).body.data).toMatchObject({ online: true });
  });

  it.each([
    ['polling that goes on as a WebSocket, which is the default', ['polling', 'websocket']],
    ['polling alone', ['polling']],
  ])(
    'keep to a client that begins with %s',
    async (_, transports) => {
      const { nginx, nodes } = await behindNginx();
      const people: Participant[] = [];
      // By its address a client is at one node; which, depends on the ports that the nodes happen to have.
      for (const [index, address] of addresses(40).entries()) {
        if (people.length >= 4 && (await connectionsOf(nodes)).every((count) => count > 0)) break;
        const client = await connect(nginx.url, from(address, transports));
        if (transports.includes('websocket')) await upgraded(client);
        people.push(await joinAs(client, { userId: `user-${index}` }));
      }
      expect((await connectionsOf(nodes)).every((count) => count > 0)).toBe(true);
      const ids = people.map(({ socket }) => socket.id);
      await allReachAll(people);
      expect(people.map(({ socket }) => socket.id)).toEqual(ids);
      await allLeave(people, nginx.url);
    },
    60_000,
  );

  it.each([
    { trustProxy: 1, forger: 429, neighbour: 200 },
    // None: all clients are one. Too many: the address that a client invents is believed.
    { trustProxy: 0, forger: 429, neighbour: 429 },
    { trustProxy: 2, forger: 200, neighbour: 200 },
  ])(
    '[D3] count together what one address asks: with TRUST_PROXY $trustProxy a forger gets $forger, a neighbour $neighbour',
    async ({ trustProxy, forger, neighbour }) => {
      const rateLimits = { ...GENEROUS, requests: 2, windowMs: 60_000 };
      const { nginx } = await behindNginx({ trustProxy, rateLimits });
      const statuses = [];
      for (let turn = 0; turn < 4; turn += 1) statuses.push(await statusFor('127.0.0.2', nginx.url));
      expect(statuses).toEqual([200, 200, 429, 429]);
      expect(await statusFor('127.0.0.2', nginx.url, { 'X-Forwarded-For': '203.0.113.1' })).toBe(forger);
      expect(await statusFor('127.0.0.3', nginx.url)).toBe(neighbour);
    },
  );

  it('[D4] send nobody to the one that is stopping', async () => {
    const { nginx, nodes } = await behindNginx({ maxParticipants: 100 });
    const [stopping, other] = nodes;
    const { url } = nginx;
    // It cannot finish as long as somebody has not fetched what was said to it.
    const slow = await heldByPolling(stopping);
    const closing = stopping.calls.close();
    expect(await get(`${stopping.url}/ready`)).toMatchObject({ status: 503, body: { status: 'draining' } });
    expect((await get(`${stopping.url}/socket.io/?EIO=4&transport=polling`)).status).toBe(503);

    const people = [];
    for (const [index, address] of addresses(6).entries()) {
      people.push(await participant(url, { userId: `ws-${index}` }, OURS));
      people.push(await participant(url, { userId: `http-${index}` }, from(address, ['polling'])));
      await dial(url, { id: `peer-${index}`, token: 't' }).next('OPEN');
    }
    await expectAgreement(
      [url, other.url],
      people.map(({ userId }) => userId),
    );
    expect((await get(`${stopping.url}/ready`)).status).toBe(503);
    await slow.fetchAll();
    await closing;
    await allLeave(people, url);
  });

  it.each(['sdk plain', 'plain sdk sdk plain'])(
    '[C1] pages hear each other whose connections go to the one and the other in turn: %s',
    async (kinds) => {
      const stage = await Stage.open('--ignore-certificate-errors');
      const { url, nodes } = await processesBehindNginx({ CORS_ORIGIN: stage.origin });
      const all: Caller[] = [];
      for (const [index, kind] of kinds.split(' ').entries()) {
        const enter = kind === 'sdk' ? join(stage, url, `sdk-${index}`) : enterOnce(stage, url, `plain-${index}`);
        all.push(await enter);
      }
      const haveJoined = ({ log }: ServerProcess) => log.rest().some(({ msg }) => msg === 'joined');
      expect(nodes.map(haveJoined)).toEqual([true, true]);
      await unmuteAll(all);
      await expectWhole([url, url], all);
      await expectOneConnectionPerPair(all);
    },
  );

  it('[C3] two pages of the SDK hear each other, whichever node dies', async () => {
    const stage = await Stage.open('--ignore-certificate-errors');
    const { url, start, nodes } = await processesBehindNginx({ CORS_ORIGIN: stage.origin });
    const callers = await joinAll(stage, url, 'alice', 'bob');
    await unmuteAll(callers);
    await allHearAll(callers);
    for (const index of [0, 1] as const) {
      await nodes[index].end('SIGKILL');
      await allHearAll(callers);
      nodes[index] = await start(index);
      await vi.waitUntil(async () => (await roster(url)).filter(({ reconnecting }) => !reconnecting).length === 2, {
        interval: 100,
        timeout: DEADLINE_MS,
      });
      await allHearAll(callers);
    }
    expect(await Promise.all(callers.map((caller) => caller.connectionCount()))).toEqual([1, 1]);
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)('[R6] [R9] lose nobody when one ends by %s', async (signal) => {
    const { url, nodes } = await processesBehindNginx();
    const people = [];
    for (const userId of ['ada', 'bob', 'carol', 'dan'])
      people.push(await participant(url, { userId }, { ...OURS, reconnectionDelay: 100 }));
    const isThere =
      (name: string) =>
      ({ msg, userId }: { msg: string; userId?: string }) =>
        msg === 'joined' && userId === name;
    // Who is where, the log of the node tells.
    const [first, second] = nodes;
    await Promise.all([first.log.next(isThere('ada')), second.log.next(isThere('bob'))]);
    await Promise.all([first.log.next(isThere('carol')), second.log.next(isThere('dan'))]);

    const [ada, bob, carol, dan] = people as [Participant, Participant, Participant, Participant];
    const back = [ada, carol].map(({ socket }) => once(socket as never, 'connect'));
    await first.end(signal);
    for (const there of [bob, dan])
      for (const userId of ['ada', 'carol']) await told(there, 'call:peer-reconnected', userId);
    await Promise.all(back);
    expect([ada, carol].map(({ socket }) => socket.recovered)).toEqual([true, true]);
    await allReachAll(people);
    expect(people.flatMap((each) => each.rest('call:peer-left', 'call:error'))).toEqual([]);

    // Nothing that comes anew is led to the one that is gone.
    for (const userId of ['erin', 'frank']) people.push(await participant(url, { userId }, OURS));
    for (const [index, address] of addresses(4).entries())
      people.push(await participant(url, { userId: `http-${index}` }, from(address, ['polling'])));
    const statuses = await Promise.all(addresses(4).map(() => get(`${url}/health`)));
    expect(statuses.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    await expectAgreement(
      [url],
      people.map(({ userId }) => userId),
    );
  });
});

/** Two nodes as processes, whose lease is short. `start` starts one of them again, where it was. */
async function processesBehindNginx(environment: Record<string, string> = {}) {
  const ports: Pair<number> = [await freePort(), await freePort()];
  const common = {
    STUN_URLS: '',
    HOST: '127.0.0.1',
    TRUST_PROXY: '1',
    REDIS_URL: redis.url,
    REDIS_PREFIX: `nodes-${ports.join('-')}`,
    REDIS_REQUIRED: 'on',
    NODE_LEASE_MS: '3000',
    ...environment,
  };
  const start = async (index: 0 | 1) => (await ServerProcess.start({ ...common, PORT: String(ports[index]) })).server;
  const nodes: Pair<ServerProcess> = [await start(0), await start(1)];
  const { url } = await startNginxBefore(ports);
  return { url, nodes, start };
}

/** A client of long polling that does not fetch what it was sent. */
async function heldByPolling({ url }: Running): Promise<{ fetchAll: () => Promise<void> }> {
  const polling = `${url}/socket.io/?EIO=4&transport=polling`;
  const opening = await (await fetch(polling)).text();
  const { sid } = JSON.parse(opening.slice(1)) as { sid: string };
  const session = `${polling}&sid=${sid}`;
  await fetch(session, { method: 'POST', body: '40' });
  return {
    fetchAll: async () => {
      await (await fetch(session)).text();
    },
  };
}

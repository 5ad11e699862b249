// Several nodes whose Redis is away, is slow, comes back, or comes back with nothing.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { certify } from './certify';
import { BUILT, ServerProcess } from './e2e/server-process';
import { freePort } from './free-port';
import {
  DEADLINE_MS,
  connect,
  connected,
  cut,
  dial,
  fence,
  get,
  joinAs,
  participant,
  peer,
  refused,
  self,
  taken,
  type Client,
} from './helpers';
import { expectAgreement, startNodes, turnTo } from './nodes';
import { RedisServer } from './redis-server';

const isReady = async ({ url }: { url: string }, ready: boolean) =>
  (await get(`${url}/ready`)).status === (ready ? 200 : 503);

/** Settles when the nodes have noticed that Redis is away, or is back. */
async function noticed(nodes: { url: string }[], ready: boolean): Promise<void> {
  for (const node of nodes) await vi.waitUntil(() => isReady(node, ready), { interval: 20, timeout: DEADLINE_MS });
}

const OUTAGES = {
  'stopped and started again': {
    begin: (redis: RedisServer) => redis.stop(),
    end: (redis: RedisServer) => redis.start(),
  },
  'frozen for a while': {
    begin: (redis: RedisServer) => redis.freeze(),
    end: (redis: RedisServer) => redis.thaw(),
  },
  'killed, its data lost': {
    begin: (redis: RedisServer) => redis.lose(),
    end: (redis: RedisServer) => redis.start(),
  },
};

/** Asks until the answer is another one than that it is not possible at the moment. */
async function insist(client: Client, userId: string, meetingId = 'meeting') {
  for (;;) {
    const answer = await client.ask('call:join', { meetingId, userId, peerId: `peer-${userId}` });
    if (answer.success || answer.code !== 'UNAVAILABLE') return answer;
    expect(answer.retryAfterMs).toBeGreaterThan(0);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe.each(Object.entries(OUTAGES))('Redis %s in mid-call', (what, { begin, end }) => {
  const start = async (options: Parameters<typeof startNodes>[2] = {}, count = 2) => {
    const redis = await RedisServer.forTest();
    const nodes = await startNodes(redis, count, { reconnectGraceMs: 5000, ...options });
    const [a, b] = nodes;
    return { redis, nodes, a, b };
  };

  it('[N5] [N6] lets people of one node go on, and everybody know afterwards', async () => {
    const { redis, nodes, a, b } = await start();
    const ada = await participant(a.url, { userId: 'ada' });
    const bob = await participant(a.url, { userId: 'bob' });
    const carol = await participant(b.url, { userId: 'carol' });
    const dave = await participant(a.url, { userId: 'dave' });
    await Promise.all([fence(ada, carol), fence(carol, ada)]);
    const [adasPeer, bobsPeer] = [await peer(a.url, 'peer-ada'), await peer(a.url, 'peer-bob')];
    for (const peerId of ['peer-ada', 'peer-bob'])
      expect(await carol.next('call:peer-status')).toMatchObject({ peerId, online: true });

    await begin(redis);
    await noticed(nodes, false);
    await fence(ada, bob);
    taken(await ada.ask('call:unmute', self(ada)));
    expect(await bob.next('call:mute-status')).toMatchObject({ userId: 'ada', isMuted: false });
    taken(await dave.ask('call:leave', self(dave)));
    expect(await bob.next('call:peer-left')).toMatchObject({ userId: 'dave', reason: 'left' });
    adasPeer.send({ type: 'OFFER', dst: 'peer-bob', payload: 'hello' });
    expect((await bobsPeer.next('OFFER')).payload).toBe('hello');
    adasPeer.send({ type: 'OFFER', dst: 'peer-carol', payload: 'hello' });
    await adasPeer.next('EXPIRE');
    const parties = { meetingId: 'meeting', fromUserId: 'ada', toUserId: 'carol', signalType: 'offer' } as const;
    expect(refused(await ada.ask('call:signal', { ...parties, signal: { sdp: '' } }))).toBe('UNAVAILABLE');
    const eve = await connect(a.url);
    const refusal = await eve.ask('call:join', { meetingId: 'meeting', userId: 'eve', peerId: 'eve' });
    expect(refusal).toMatchObject({ success: false, code: 'UNAVAILABLE', retryAfterMs: expect.any(Number) as number });
    expect((await dial(a.url, { id: 'eve', token: 't' }).end()).code).toBe(1013);
    expect((await get(`${b.url}/api/call/stats`)).body).toMatchObject({ code: 'UNAVAILABLE' });
    bobsPeer.ws.close();
    await ada.next('call:peer-status');

    await end(redis);
    await noticed(nodes, true);
    expect(await carol.next('call:mute-status')).toMatchObject({ userId: 'ada', isMuted: false });
    // Where the data is lost, nobody but this node knows that there ever was a Dave.
    const reason = what.includes('lost') ? 'lost' : 'left';
    expect(await carol.next('call:peer-left')).toMatchObject({ userId: 'dave', reason });
    expect(await carol.next('call:peer-status')).toMatchObject({ userId: 'bob', online: false });
    taken(await insist(eve, 'eve'));
    for (const userId of ['dave', 'eve']) expect(await carol.next('call:peer-joined')).toMatchObject({ userId });
    await Promise.all([fence(ada, carol), fence(carol, bob)]);
    await expectAgreement([a.url, b.url], ['ada', 'bob', 'carol', 'eve']);
    for (const { url } of nodes)
      expect((await get(`${url}/api/call/stats`)).body.data).toMatchObject({ activeCalls: 1, totalUsersInCalls: 4 });
    await ada.next('call:peer-left');
    for (const each of [ada, bob, carol])
      expect(each.rest('call:peer-left', 'call:peer-reconnecting'), what).toEqual([]);
  });

  it('[N5] [R6] keeps the seats of who loses the connection meanwhile, here and there', async () => {
    const { redis, nodes, a, b } = await start();
    const ada = await participant(a.url, { userId: 'ada' });
    const bob = await participant(a.url, { userId: 'bob' }, { reconnectionDelay: 10 });
    const carol = await participant(b.url, { userId: 'carol' }, { reconnectionDelay: 10 });
    await bob.next('call:peer-joined');
    await fence(ada, carol);
    await begin(redis);
    await noticed(nodes, false);
    let back = connected(bob);
    cut(bob);
    await ada.next('call:peer-reconnecting');
    await back;
    expect(bob.socket.recovered).toBe(true);
    await ada.next('call:peer-reconnected');
    back = connected(carol);
    turnTo(carol, a.url);
    cut(carol);

    await end(redis);
    await back;
    expect(carol.socket.recovered).toBe(true);
    await Promise.all([fence(ada, carol), fence(carol, bob), fence(bob, ada)]);
    await expectAgreement([a.url, b.url], ['ada', 'bob', 'carol']);
    for (const each of [ada, bob]) expect(each.rest('call:peer-left')).toEqual([]);
  });

  it('[N5] [N6] [R4] seats exactly three of a storm that goes on all the while', async () => {
    const { redis, nodes } = await start({ maxParticipants: 3 }, 3);
    const clients = await Promise.all(Array.from({ length: 18 }, (_, index) => connect(nodes[index % 3]?.url ?? '')));
    const first = await joinAs(clients[0] as Client, { userId: 'u0' });
    const storm = clients.slice(1).map((client, index) => insist(client, `u${index + 1}`));
    await begin(redis);
    await noticed(nodes, false);
    await end(redis);
    await noticed(nodes, true);
    const answers = await Promise.all(storm);
    expect(answers.filter(({ success }) => success)).toHaveLength(2);
    const seated = answers.flatMap(({ success }, index) => (success ? [`u${index + 1}`] : []));
    await fence(first, first);
    await expectAgreement(
      nodes.map(({ url }) => url),
      ['u0', ...seated],
    );
    // Who was refused may have been seated for a moment: what was asked of a frozen Redis, it does when it wakes up.
    const present = new Set<string>();
    for (const [event, payload] of first.rest('call:peer-joined', 'call:peer-left')) {
      const { userId } = payload as { userId: string };
      expect(present.has(userId), `${event} ${userId}`).toBe(event === 'call:peer-left');
      if (event === 'call:peer-joined') present.add(userId);
      else present.delete(userId);
    }
    expect([...present].sort()).toEqual([...seated].sort());
  });
});

it('[N5] [R9] what a frozen Redis was told and was given up, is not told once more when it wakes up', async () => {
  const redis = await RedisServer.forTest();
  const nodes = await startNodes(redis, 2, { reconnectGraceMs: 100 });
  const [a, b] = nodes;
  const ada = await participant(a.url, { userId: 'ada' });
  const bob = await participant(a.url, { userId: 'bob' }, { reconnection: false });
  const carol = await participant(b.url, { userId: 'carol' });
  await bob.next('call:peer-joined');
  redis.freeze();
  // That he is away, Redis hears only later; that he is lost, this node finds out by itself.
  cut(bob);
  await noticed(nodes, false);
  await ada.next('call:peer-reconnecting');
  expect(await ada.next('call:peer-left')).toMatchObject({ userId: 'bob', reason: 'lost' });
  redis.thaw();
  await noticed(nodes, true);
  expect(await carol.next('call:peer-left')).toMatchObject({ userId: 'bob', reason: 'lost' });
  await Promise.all([fence(ada, carol), fence(carol, ada)]);
  await expectAgreement([a.url, b.url], ['ada', 'carol']);
  expect(ada.rest('call:peer-left', 'call:peer-reconnecting')).toEqual([]);
  expect(carol.rest('call:peer-left')).toEqual([]);
});

describe('Redis away at the start', () => {
  const start = (environment: Record<string, string>) =>
    ServerProcess.start({ PORT: '0', HOST: '127.0.0.1', STUN_URLS: '', ...environment });

  it('[N5] is waited for', async () => {
    const redis = await RedisServer.forTest();
    await redis.stop();
    const { server, port } = await start({ REDIS_URL: redis.url });
    const node = { url: `http://127.0.0.1:${port}` };
    await server.said('Redis does not answer');
    expect((await get(`${node.url}/ready`)).body).toEqual({ status: 'unavailable', backplane: 'down' });
    expect((await get(`${node.url}/health`)).status).toBe(200);
    const ada = await connect(node.url);
    expect(refused(await ada.ask('call:join', { meetingId: 'm', userId: 'ada', peerId: 'p' }))).toBe('UNAVAILABLE');
    await redis.start();
    await server.said('Redis is there');
    await noticed([node], true);
    taken(await insist(ada, 'ada'));
  });

  it('[N5] ends the start, if it is required', async () => {
    const url = `redis://:secret@127.0.0.1:${await freePort()}`;
    const env = { REDIS_URL: url, REDIS_REQUIRED: 'on', PORT: '0', LOG_FORMAT: 'json' };
    const ended = promisify(execFile)(execPath, [BUILT], { env, cwd: tmpdir(), timeout: DEADLINE_MS });
    const { code, stdout } = await ended.then(
      () => ({ code: 0, stdout: '' }),
      (error: unknown) => error as { code: number; stdout: string },
    );
    expect(code).toBe(1);
    expect(stdout).toContain('Redis does not answer');
    expect(stdout).not.toContain('secret');
  });
});

describe('[N7] a Redis that asks for a password, by TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'redis-tls-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const start = async () => {
    certify(folder);
    const files = ['--tls-cert-file', join(folder, 'certificate.pem'), '--tls-key-file', join(folder, 'key.pem')];
    const port = await freePort();
    const tls = ['--tls-port', String(port), ...files, '--tls-auth-clients', 'no'];
    await RedisServer.forTest(...tls, '--requirepass', 'hush');
    const node = (password: string) => ({
      REDIS_URL: `rediss://:${password}@127.0.0.1:${port}`,
      NODE_EXTRA_CA_CERTS: join(folder, 'certificate.pem'),
      LOG_LEVEL: 'trace',
      STUN_URLS: '',
      HOST: '127.0.0.1',
      PORT: '0',
    });
    return { node };
  };

  it('is reached by what REDIS_URL says', async () => {
    const { node } = await start();
    const { server, port } = await ServerProcess.start(node('hush'));
    await server.said('Redis is there');
    const ada = await participant(`http://127.0.0.1:${port}`, { userId: 'ada' });
    await fence(ada, ada);
    expect(JSON.stringify(server.log.everything())).not.toContain('hush');
  });

  it('[D9] is named once when it wants a password, and with DEBUG no library writes the password', async () => {
    const { node } = await start();
    const { REDIS_URL: url, ...environment } = node('hush-word');
    const withoutPassword = { ...environment, REDIS_URL: url.replace(':hush-word@', '') };
    for (const variables of [withoutPassword, { ...node('hush-word'), DEBUG: 'ioredis:redis' }]) {
      const { server, port } = await ServerProcess.start(variables);
      expect((await server.said('Redis refuses the user of REDIS_URL')).reason).toMatch(/^(NOAUTH|WRONGPASS)/);
      expect((await get(`http://127.0.0.1:${port}/ready`)).status).toBe(503);
      expect(server.log.everything().filter(({ msg }) => msg.startsWith('Redis'))).toHaveLength(1);
    }
  });

  it('is asked again when it refuses the password, which nobody is told', async () => {
    const { node } = await start();
    const { server, port } = await ServerProcess.start(node('guessed'));
    expect((await server.said('Redis refuses the user of REDIS_URL')).reason).toContain('WRONGPASS');
    expect((await get(`http://127.0.0.1:${port}/ready`)).status).toBe(503);
    const lines = server.log.everything();
    expect(JSON.stringify(lines)).not.toContain('guessed');
    expect(lines.filter(({ msg }) => msg.startsWith('Redis'))).toHaveLength(1);
  });
});

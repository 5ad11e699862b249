// The wall clock is set while the server runs: by NTP after a boot without a battery, by an administrator, by a virtual machine
// that is resumed. Deadlines are on the monotonic clock.

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  connected,
  cut,
  DEADLINE_MS,
  GENEROUS,
  get,
  offer,
  participant,
  peer,
  startServer,
  type Participant,
} from './helpers';
import { startNodes, turnTo } from './nodes';
import { RedisServer } from './redis-server';
import { settableWallClock } from './wall-clock';

const HOUR = 3_600_000;

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.end());

async function comesBack(client: Participant): Promise<void> {
  const isBack = connected(client);
  client.socket.connect();
  await isBack;
  expect(client.socket.recovered).toBe(true);
}

describe.each([
  ['forward', HOUR],
  ['back', -HOUR],
])('[D19] a wall clock that is set %s by an hour', (_direction, jump) => {
  it('does not end the grace period of a lost connection', async () => {
    const clock = settableWallClock();
    const { url } = await startServer();
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' }, { reconnection: false });
    cut(bob);
    await ada.next('call:peer-reconnecting');
    clock.jump(jump);
    await comesBack(bob);
    await ada.next('call:peer-reconnected');
    expect(ada.rest('call:peer-left')).toEqual([]);
  });

  it('does not prolong the grace period of a lost connection', async () => {
    const clock = settableWallClock();
    const { url } = await startServer({ reconnectGraceMs: 1000 });
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' }, { reconnection: false });
    cut(bob);
    await ada.next('call:peer-reconnecting');
    clock.jump(jump);
    expect(await ada.next('call:peer-left')).toMatchObject({ userId: 'bob', reason: 'lost' });
  });

  it('does not end the grace period on several nodes, whichever node the client returns to', async () => {
    const clock = settableWallClock();
    const [a, b] = await startNodes(redis, 2);
    const ada = await participant(a.url, { userId: 'ada' });
    const bob = await participant(b.url, { userId: 'bob' }, { reconnection: false });
    for (const url of [b.url, a.url]) {
      cut(bob);
      await ada.next('call:peer-reconnecting');
      clock.jump(jump);
      turnTo(bob, url);
      await comesBack(bob);
      await ada.next('call:peer-reconnected');
    }
    expect(ada.rest('call:peer-left')).toEqual([]);
  });

  it.each(['one node', 'several nodes'])('does not reset or prolong rate limits of %s', async (kind) => {
    const clock = settableWallClock();
    const windowMs = 600_000;
    const options = { rateLimits: { ...GENEROUS, windowMs, requests: 1 } };
    const { url } = kind === 'one node' ? await startServer(options) : (await startNodes(redis, 2, options))[0];
    expect((await get(`${url}/api/call/config`)).status).toBe(200);
    clock.jump(jump);
    const { status, body } = await get(`${url}/api/call/config`);
    expect(status).toBe(429);
    expect(body.retryAfterMs).toBeLessThanOrEqual(windowMs);
  });

  it('does not close connections to the PeerJS broker', async () => {
    const clock = settableWallClock();
    const { url } = await startServer();
    const ada = await peer(url, 'ada');
    const bob = await peer(url, 'bob');
    clock.jump(jump);
    // `peer` looks for dead connections several times a second, and reads the wall clock each time.
    const { readings } = clock;
    await vi.waitUntil(() => clock.readings > readings + 10, { interval: 20, timeout: DEADLINE_MS });
    ada.send(offer('bob'));
    await bob.next('OFFER');
    expect((await get(`${url}/api/call/peers/ada`)).body).toMatchObject({ data: { online: true } });
  });
});

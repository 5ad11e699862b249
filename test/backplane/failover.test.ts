// Redis is connected, and refuses: because it is a replica now, and another one the master, or because it is full.

import { connect as dial, createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { listenOnLoopback } from '../free-port';
import { DEADLINE_MS, fence, get, participant, taken } from '../helpers';
import { expectAgreement, startNodes } from '../nodes';
import { RedisServer } from '../redis-server';

/** An address that leads to a server; what is connected to one stays there when it leads to another. */
async function addressOf(first: RedisServer) {
  let master = first;
  const connections = new Map<Socket, RedisServer>();
  const front = createServer((socket) => {
    const onward = dial(master.port, '127.0.0.1');
    connections.set(socket, master);
    socket.pipe(onward).pipe(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      onward.destroy();
      connections.delete(socket);
    });
    onward.on('close', () => socket.destroy()).on('error', () => onward.destroy());
  });
  const port = await listenOnLoopback(front);
  onTestFinished(() => void front.close());
  return {
    url: `redis://127.0.0.1:${port}`,
    turnTo: (server: RedisServer) => (master = server),
    connectionsTo: (server: RedisServer) => [...connections.values()].filter((each) => each === server).length,
  };
}

it('nodes follow the master when it moves, also when the old one keeps their connections', async () => {
  const [first, second] = await Promise.all([RedisServer.forTest(), RedisServer.forTest()]);
  const [atFirst, atSecond] = [first.look(), second.look()];
  await atSecond.replicaof('127.0.0.1', first.port);
  await vi.waitUntil(async () => (await atSecond.info('replication')).includes('master_link_status:up'), {
    timeout: DEADLINE_MS,
  });

  const address = await addressOf(first);
  const [a, b] = await startNodes(first, 2, {}, { url: address.url, leaseMs: 15_000 });
  const ada = await participant(a.url, { userId: 'ada' });
  const bob = await participant(b.url, { userId: 'bob' });
  await atFirst.wait(1, 5000);
  address.turnTo(second);
  await atSecond.replicaof('NO', 'ONE');
  await atFirst.replicaof('127.0.0.1', second.port);

  const hasMoved = async () => {
    const statuses = await Promise.all([a, b].map(async ({ url }) => (await get(`${url}/ready`)).status));
    return address.connectionsTo(first) === 0 && statuses.every((status) => status === 200);
  };
  await vi.waitUntil(hasMoved, { timeout: DEADLINE_MS, interval: 50 });
  const carol = await participant(a.url, { userId: 'carol' });
  for (const each of [ada, bob])
    await each.inbox.next(
      ([event, told]) => event === 'call:peer-joined' && (told as { userId: string }).userId === 'carol',
      'carol',
    );
  await Promise.all([fence(ada, bob), fence(bob, carol), fence(carol, ada)]);
  await expectAgreement([a.url, b.url], ['ada', 'bob', 'carol']);
  expect([...ada.rest('call:peer-left'), ...bob.rest('call:peer-left')]).toEqual([]);
});

it('nodes tell each other later what was done while Redis refused, also when that was for a moment only', async () => {
  const redis = await RedisServer.forTest();
  // Longer than the test waits: it is not by being taken for dead that the node comes to tell.
  const [a, b] = await startNodes(redis, 2, {}, { leaseMs: 60_000 });
  const ada = await participant(a.url, { userId: 'ada' });
  const bob = await participant(b.url, { userId: 'bob' });
  await redis.look().config('SET', 'maxmemory', 1);
  taken(await ada.ask('call:unmute', { meetingId: 'meeting', userId: 'ada' }));
  expect((await get(`${a.url}/ready`)).status).toBe(503);
  await redis.look().config('SET', 'maxmemory', 0);
  expect(await bob.next('call:mute-status')).toMatchObject({ userId: 'ada', isMuted: false });
});

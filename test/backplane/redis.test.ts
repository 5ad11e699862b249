// Several nodes on one Redis: each keeps the contracts of one, and together they are one.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createRedisBackplane } from '../../src/backplane/redis';
import type { RedisOptions } from '../../src/backplane/redis/link';
import type { Backplane, Newcomer } from '../../src/index';
import { RedisServer } from '../redis-server';
import { describePeerClaims } from './peer-claims.contract';
import { describePeers } from './peers.contract';
import { describeRoomStore } from './room-store.contract';
import { scanLog } from '../log-scan';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.end());

async function open(options: Partial<RedisOptions> = {}): Promise<Backplane> {
  const own = { url: redis.url, prefix: randomUUID(), isRequired: true, leaseMs: 2000, graceMs: 1000 };
  const backplane = createRedisBackplane({ ...own, capacity: 10, log: scanLog, ...options });
  onTestFinished(() => backplane.close());
  await backplane.opened();
  return backplane;
}

function newcomer(node: string, userId: string): Newcomer {
  const media = { isMuted: true, isVideoOn: false };
  const name = { meetingId: 'meeting', userId, username: userId, peerId: userId, ticket: userId };
  return { ...name, ...media, address: `${node}/#${userId}`, joinedAt: 1, request: 1 };
}

/** The contract's own times are of 1970. */
const early = () => open({ clock: () => 500 });

describeRoomStore('Redis', early);
describePeers('Redis', early);
describePeerClaims('Redis', early);

describe('[N8] nodes of two versions', () => {
  it('keep of each other what they do not know', async () => {
    const prefix = randomUUID();
    const { rooms, node } = await open({ prefix });
    const ada = newcomer(node, 'ada');
    await rooms.seat(ada, 2);
    const key = `${prefix}:1:call:meeting`;
    const look = redis.look();
    const stored = JSON.parse((await look.hget(key, 'ada')) ?? '') as object;
    const applause = { isOn: true, by: ['bob'] };
    await look.hset(key, 'ada', JSON.stringify({ ...stored, applause }));
    await rooms.setMedia(ada, { isMuted: false });
    await rooms.hold(ada, Date.now() + 60_000);
    await rooms.resume(ada, 'home');
    expect(JSON.parse((await look.hget(key, 'ada')) ?? '')).toMatchObject({ isMuted: false, applause });
    expect(rooms.find('meeting', 'ada')).toMatchObject({ isMuted: false, applause });
  });

  it('pass over what they do not understand', async () => {
    const prefix = randomUUID();
    const { rooms, node } = await open({ prefix });
    const ada = newcomer(node, 'ada');
    await rooms.seat(ada, 2);
    const inbox = `${prefix}:1:inbox:${node}`;
    const look = redis.look();
    for (const [what, body] of [
      ['applause', '{"by":"bob"}'],
      ['change', JSON.stringify({ kind: 'applauded', seat: { ...ada, userId: 'bob' } })],
      ['change', 'no JSON'],
      ['answer', '{}'],
      ['replaced', 'nobody'],
    ])
      await look.xadd(inbox, '*', what ?? '', body ?? '');
    expect(await rooms.setMedia(ada, { isMuted: false })).toMatchObject({ changed: true });
    expect(rooms.find('meeting', 'bob')).toBeUndefined();
    expect(await rooms.roster('meeting')).toHaveLength(1);
  });
});

describe('[S9] several nodes', () => {
  it('are told the same, in the same order, whoever does what at once', async () => {
    const prefix = randomUUID();
    const nodes = await Promise.all([0, 1, 2].map(() => open({ prefix })));
    const heard = nodes.map(({ rooms }) => {
      const lines: string[] = [];
      rooms.listen(({ kind, seat }) => lines.push(`${kind} ${seat.userId} ${String(seat.isMuted)}`));
      return lines;
    });
    const watchers = nodes.map(({ node, rooms }, index) => ({ rooms, seat: newcomer(node, `watcher-${index}`) }));
    for (const { rooms, seat } of watchers) await rooms.seat(seat, 100);
    for (const lines of heard) lines.length = 0;
    await Promise.all(
      nodes.map(async ({ rooms, node }, index) => {
        for (let round = 0; round < 50; round += 1) {
          const seat = newcomer(node, `guest-${index}`);
          await rooms.seat(seat, 100);
          await Promise.all([rooms.setMedia(seat, { isMuted: false }), rooms.hold(seat, Date.now() + 60_000)]);
          await rooms.release(seat, 'left');
        }
      }),
    );
    // Each of these comes after all that was told before it.
    for (const { rooms, seat } of watchers) await rooms.release(seat, 'left');
    const [first = []] = heard;
    expect(first.length).toBeGreaterThan(400);
    for (const lines of heard) expect(lines.slice(0, first.length)).toEqual(first.slice(0, lines.length));
  });
});

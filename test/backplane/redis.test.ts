// Several nodes on one Redis: each keeps the contracts of one, and together they are one.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { createRedisBackplane } from '../../src/backplane/redis';
import type { RedisOptions } from '../../src/backplane/redis/link';
import { createLogger } from '../../src/logger';
import type { Backplane } from '../../src/index';
import { RedisServer } from '../redis-server';
import { describePeers } from './peers.contract';
import { describeRoomStore } from './room-store.contract';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.end());

const log = createLogger({ logLevel: 'silent', logFormat: 'json' });

async function open(options: Partial<RedisOptions> = {}): Promise<Backplane> {
  const own = { url: redis.url, prefix: randomUUID(), isRequired: true, leaseMs: 2000, graceMs: 1000 };
  const backplane = createRedisBackplane({ ...own, capacity: 10, log, ...options });
  onTestFinished(() => backplane.close());
  await backplane.opened();
  return backplane;
}

/** The contract's own times are of 1970. */
const early = () => open({ clock: () => 500 });

describeRoomStore('Redis', early);
describePeers('Redis', early);

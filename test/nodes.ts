// Several nodes on one Redis, in this process: each a call server of its own.

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { createRedisBackplane } from '../src/backplane/redis';
import type { RedisOptions } from '../src/backplane/redis/link';
import { createLogger } from '../src/logger';
import type { CallServerOptions } from '../src/index';
import { get, startServer, type Running } from './helpers';
import type { RedisServer } from './redis-server';

const log = createLogger({ logLevel: 'silent', logFormat: 'json' });

/** Starts so many nodes. */
export async function startNodes(
  redis: RedisServer,
  count: number,
  options: CallServerOptions = {},
  redisOptions: Partial<RedisOptions> = {},
): Promise<Running[]> {
  const prefix = randomUUID();
  const { reconnectGraceMs: graceMs = 15_000, maxParticipants: capacity = 10 } = options;
  const common = { url: redis.url, prefix, isRequired: true, leaseMs: 2000, graceMs, capacity, log, ...redisOptions };
  const start = () => startServer({ ...options, backplane: createRedisBackplane(common) });
  return Promise.all(Array.from({ length: count }, start));
}

/** Who is in a call, as a node tells it. */
export async function usersIn(url: string, meetingId = 'meeting'): Promise<string[]> {
  const { body } = await get(`${url}/api/call/room/${meetingId}`);
  const { users = [] } = (body.data ?? {}) as { users?: { userId: string }[] };
  return users.map(({ userId }) => userId).sort();
}

/** What all nodes have to agree on. */
export async function expectAgreement(urls: string[], userIds: string[], meetingId = 'meeting'): Promise<void> {
  expect(await Promise.all(urls.map((url) => usersIn(url, meetingId)))).toEqual(urls.map(() => [...userIds].sort()));
}

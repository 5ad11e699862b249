// Several nodes on one Redis: in this process, or each in one of its own.

import { randomUUID } from 'node:crypto';
import { expect, vi } from 'vitest';
import { createRedisBackplane } from '../src/backplane/redis';
import type { RedisOptions } from '../src/backplane/redis/link';
import type { CallServerOptions } from '../src/index';
import { DEADLINE_MS, get, startServer, type Client, type Running } from './helpers';
import { ServerProcess } from './e2e/server-process';
import { scanLog } from './log-scan';
import type { RedisServer } from './redis-server';

/** Starts so many nodes. */
export async function startNodes(
  redis: RedisServer,
  count: number,
  options: CallServerOptions = {},
  redisOptions: Partial<RedisOptions> = {},
): Promise<[Running, Running, ...Running[]]> {
  const prefix = randomUUID();
  const { reconnectGraceMs: graceMs = 15_000, maxParticipants: capacity = 10 } = options;
  const common = {
    url: redis.url,
    prefix,
    isRequired: true,
    leaseMs: 2000,
    graceMs,
    capacity,
    log: scanLog,
    ...redisOptions,
  };
  const start = () => startServer({ ...options, backplane: createRedisBackplane(common) });
  return [await start(), await start(), ...(await Promise.all(Array.from({ length: count - 2 }, start)))];
}

/** Who is in a call, as a node tells it. */
export async function usersIn(url: string, meetingId = 'meeting'): Promise<string[]> {
  const { body } = await get(`${url}/api/call/room/${meetingId}`);
  const { users = [] } = (body.data ?? {}) as { users?: { userId: string }[] };
  return users.map(({ userId }) => userId).sort();
}

/** The client goes on on another node: the next time it connects, it does so there. */
export function turnTo(client: Client, url: string): void {
  (client.socket.io as unknown as { uri: string }).uri = url;
}

/** What all nodes have to agree on. */
export async function expectAgreement(urls: string[], userIds: string[], meetingId = 'meeting'): Promise<void> {
  expect(await Promise.all(urls.map((url) => usersIn(url, meetingId)))).toEqual(urls.map(() => [...userIds].sort()));
}

export interface NodeProcess {
  server: ServerProcess;
  url: string;
}

/** Rate limits that no test runs into by accident, as environment. */
const GENEROUS_ENVIRONMENT = {
  RATE_LIMIT_REQUESTS: '1000000',
  RATE_LIMIT_CONNECTIONS: '1000000',
  RATE_LIMIT_EVENTS: '1000000',
  RATE_LIMIT_PEER_FRAMES: '1000000',
};

/** How one more node of some that share a Redis is started. */
export function processesOn(redis: RedisServer, environment: Record<string, string> = {}): () => Promise<NodeProcess> {
  const prefix = randomUUID();
  return async () => {
    const { server, port } = await ServerProcess.start({
      PORT: '0',
      HOST: '127.0.0.1',
      STUN_URLS: '',
      REDIS_URL: redis.url,
      REDIS_PREFIX: prefix,
      NODE_LEASE_MS: '2000',
      RECONNECT_GRACE_MS: '3000',
      ...GENEROUS_ENVIRONMENT,
      ...environment,
    });
    const url = `http://127.0.0.1:${port}`;
    await vi.waitUntil(async () => (await get(`${url}/ready`)).status === 200, { interval: 20, timeout: DEADLINE_MS });
    return { server, url };
  };
}

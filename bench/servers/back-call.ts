// Our server, as it is built for its users, with rate limits that a benchmark does not reach.

import { env } from 'node:process';
import type * as BackCall from '../../src/index';
import { report } from './report';

const LIMITS = { windowMs: 10_000, requests: 1e9, connections: 1e9, events: 1e9, peerFrames: 1e9 };

const built = new URL('../../dist/index.js', import.meta.url).href;
const { createCallServer, loadConfig } = (await import(built)) as typeof BackCall;

const { REDIS_URL, REDIS_PREFIX, REDIS_REQUIRED } = env;
// Of the environment nothing else counts.
const { redis } = loadConfig({ REDIS_URL, REDIS_PREFIX, REDIS_REQUIRED });

const calls = createCallServer({
  redis,
  environment: 'production',
  logFormat: 'json',
  logLevel: 'warn',
  corsOrigins: ['*'],
  stunUrls: [],
  rateLimits: LIMITS,
  // All clients have one address.
  maxConnectionsPerAddress: 10_000,
});
const { port } = await calls.listen(0, '127.0.0.1');
report({ peerjs: `ws://127.0.0.1:${port}/peerjs/peerjs`, signaling: `http://127.0.0.1:${port}` });

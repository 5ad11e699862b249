// The same on several nodes, which hear of each other by a stream in Redis.

import { env } from 'node:process';
import { createAdapter } from '@socket.io/redis-streams-adapter';
import { Redis } from 'ioredis';
import { report } from './report';
import { startSocketIo } from './start-socketio';

const adapter = createAdapter(new Redis(env.REDIS_URL ?? ''), { streamName: env.REDIS_PREFIX ?? '' });
report({ signaling: await startSocketIo(adapter) });

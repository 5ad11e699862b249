// The same on several nodes, which hear of each other by Redis's publish and subscribe.

import { env } from 'node:process';
import { createAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';
import { report } from './report';
import { startSocketIo } from './start-socketio';

const publisher = new Redis(env.REDIS_URL ?? '');
const adapter = createAdapter(publisher, publisher.duplicate(), { key: env.REDIS_PREFIX ?? '' });
report({ signaling: await startSocketIo(adapter) });

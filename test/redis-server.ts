// A Redis of the tests' own.

import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { RedisProcess } from './redis-process';

export class RedisServer extends RedisProcess {
  /** Starts one that ends with the test. */
  static async forTest(...options: string[]): Promise<RedisServer> {
    const server = await RedisServer.start(...options);
    onTestFinished(() => server.end());
    return server;
  }

  /** A connection for looking at what is in it, closed when the test ends. */
  look(): Redis {
    const client = new Redis(this.url);
    onTestFinished(() => client.disconnect());
    return client;
  }
}

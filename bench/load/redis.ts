// The Redis that several nodes share, and what they cost it.

import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { RedisProcess } from '../../test/redis-process';

const IDLE_MS = 3000;
/** After so long, the nodes have taken out of Redis what they have heard. */
const TIDY_MS = 3000;

export class SharedRedis {
  readonly url: string;
  readonly #server: RedisProcess;
  readonly #client: Redis;
  /** Microseconds of CPU time per millisecond in which nothing is asked of it. */
  #idleRate = 0;

  private constructor(server: RedisProcess) {
    this.url = server.url;
    this.#server = server;
    this.#client = new Redis(server.url);
  }

  /** Without persistence: what is in it, the nodes would bring back. */
  static async start(): Promise<SharedRedis> {
    const server = await RedisProcess.start('--appendonly', 'no');
    // Also when the benchmark fails: nobody else would end it.
    process.once('exit', () => void server.end());
    return new SharedRedis(server);
  }

  /** Finds out what it uses while the nodes, who are all there, do nothing. */
  async settle(): Promise<void> {
    this.#idleRate = 0;
    const startedAt = performance.now();
    const cpu = await this.measure(() => delay(IDLE_MS));
    this.#idleRate = cpu / (performance.now() - startedAt);
  }

  /** The CPU time that it needs for `work`, in microseconds. */
  async measure(work: () => Promise<unknown>): Promise<number> {
    const before = await this.#cpu();
    const startedAt = performance.now();
    await work();
    const tookMs = performance.now() - startedAt;
    return (await this.#cpu()) - before - this.#idleRate * tookMs;
  }

  /** The bytes that it has allocated. */
  async memory(): Promise<number> {
    await delay(TIDY_MS);
    return figureIn(await this.#client.info('memory'), 'used_memory');
  }

  async end(): Promise<void> {
    this.#client.disconnect();
    await this.#server.end();
  }

  async #cpu(): Promise<number> {
    const info = await this.#client.info('cpu');
    return (figureIn(info, 'used_cpu_user') + figureIn(info, 'used_cpu_sys')) * 1e6;
  }
}

function figureIn(info: string, name: string): number {
  const [, figure] = new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info) ?? [];
  if (figure === undefined) throw new Error(`Redis does not say ${name}`);
  return Number(figure);
}

// A Redis of the tests' own, on a free port, that can be stopped, frozen and emptied.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { pathOf } from './e2e/programs';
import { freePort, Inbox } from './helpers';

export class RedisServer {
  readonly port: number;
  readonly url: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'redis-'));
  readonly #options: string[];
  #process: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  private constructor(port: number, options: string[]) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.#options = options;
  }

  /** Starts one, which the caller stops. */
  static async start(...options: string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), options);
    await server.start();
    return server;
  }

  /** Starts one that ends with the test. */
  static async forTest(...options: string[]): Promise<RedisServer> {
    const server = await RedisServer.start(...options);
    onTestFinished(() => server.end());
    return server;
  }

  /** Starts again, with the data of before unless that was lost. */
  async start(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    const place = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder];
    const options = [...place, '--save', '', '--appendonly', 'yes', '--appendfsync', 'no', ...this.#options];
    this.#process = spawn(pathOf('redis'), options, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#ended = once(this.#process, 'exit');
    const log = new Inbox<string>();
    if (this.#process.stdout) createInterface(this.#process.stdout).on('line', (line) => log.put(line));
    await log.next((line) => line.includes('Ready to accept connections'), 'Redis to be ready');
  }

  /** Ends it; what it has, it has again after the next start. */
  async stop(): Promise<void> {
    this.#process?.kill('SIGTERM');
    await this.#ended;
  }

  /** Ends it, and its data with it. */
  async lose(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** From now on it answers nobody, and its connections stand. */
  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  async end(): Promise<void> {
    this.thaw();
    await this.lose();
  }

  /** A connection for looking at what is in it, closed when the test ends. */
  look(): Redis {
    const client = new Redis(this.url);
    onTestFinished(() => client.disconnect());
    return client;
  }
}

// A Redis on a free port, that can be stopped, frozen and emptied; for tests and for the benchmark.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathOf } from './e2e/programs';
import { freePort } from './free-port';
import { needPrograms } from './need';

await needPrograms('redis');

export class RedisProcess {
  readonly port: number;
  readonly url: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'redis-'));
  readonly #options: string[];
  #process: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  /** One that does not run yet. */
  constructor(port: number, options: string[]) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.#options = options;
  }

  /** Starts one, which the caller stops. */
  static async start<T extends RedisProcess>(
    this: new (port: number, options: string[]) => T,
    ...options: string[]
  ): Promise<T> {
    const server = new this(await freePort(), options);
    await server.start();
    return server;
  }

  /** Starts again, with the data of before unless that was lost. */
  async start(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    const place = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder];
    const options = [...place, '--save', '', '--appendonly', 'yes', '--appendfsync', 'no', ...this.#options];
    const child = spawn(pathOf('redis'), options, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#process = child;
    this.#ended = once(child, 'exit');
    const said: string[] = [];
    await new Promise<void>((resolve, reject) => {
      createInterface(child.stdout).on('line', (line) => {
        if (line.includes('Ready to accept connections')) resolve();
        said.push(line);
      });
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`Redis did not start: ${said.join('\n')}`)));
    });
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
}

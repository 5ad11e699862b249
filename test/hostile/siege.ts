// A siege: an attack on a server in a process of its own, with an innocent call beside it that must notice nothing.

import { fork, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import type { CallServerOptions } from '../../src/index';
import { before, Inbox } from '../helpers';
import { InnocentCall } from './innocent-call';
import type { Report } from './server';

const ENTRY = fileURLToPath(new URL('server.ts', import.meta.url));

/** A server in its own process, which ends as any Node process does by an error that nothing catches. */
export class ServerUnderAttack {
  readonly port: number;
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #reports: Inbox<Report>;
  readonly #ended: Promise<void>;
  #complaints = '';
  #death: string | undefined;

  private constructor(child: ChildProcess, reports: Inbox<Report>, port: number) {
    this.#child = child;
    this.#reports = reports;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    child.stderr?.on('data', (chunk: Buffer) => (this.#complaints += chunk.toString()));
    this.#ended = new Promise((resolve) =>
      child.once('close', (code, signal) => {
        this.#death = `with ${code ?? signal ?? 'nothing'}: ${this.#complaints.slice(0, 2000)}`;
        resolve();
      }),
    );
  }

  static async start(options: CallServerOptions): Promise<ServerUnderAttack> {
    const child = fork(ENTRY, [JSON.stringify(options)], {
      execArgv: ['--import', 'tsx', '--expose-gc'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const reports = new Inbox<Report>();
    child.on('message', (report: Report) => reports.put(report));
    const started = await reports.next((report) => 'port' in report, 'the port of the server');
    return new ServerUnderAttack(child, reports, (started as { port: number }).port);
  }

  /** How many file descriptors the server has open. */
  get descriptors(): number {
    return readdirSync(`/proc/${this.#child.pid ?? ''}/fd`).length;
  }

  /** User and system CPU time since the server started, in ms (proc_pid_stat(5): fields 14 and 15, in ticks of 10 ms). */
  get cpuTimeMs(): number {
    const stat = readFileSync(`/proc/${this.#child.pid ?? ''}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  /** Memory in use, in bytes. */
  async memory(): Promise<number> {
    this.#child.send('memory');
    const answer = await this.#reports.next((report) => 'memory' in report, 'the memory of the server');
    return (answer as { memory: number }).memory;
  }

  /** How it ended, if it did. */
  get death(): string | undefined {
    return this.#death;
  }

  /** What it complained of since it was asked last, and lived on: a leak of listeners, a deprecated way to do something. */
  takeComplaints(): string {
    const complaints = this.#complaints;
    this.#complaints = '';
    return complaints;
  }

  async stop(): Promise<void> {
    this.#child.kill();
    await before(this.#ended, () => 'the end of the server');
  }
}

/** What happens in a siege; the innocents may be aimed at. */
export type Attack = (server: ServerUnderAttack, innocents: InnocentCall) => Promise<void>;

/**
 * Gives a function like `test`, whose tests attack one server with these options: beside each of them stands an innocent
 * call, and afterwards the server must live, and the innocents must have noticed nothing. A server that was killed is
 * replaced for the next test.
 */
export function besieged(options: CallServerOptions = {}): (name: string, attack: Attack) => void {
  let server: ServerUnderAttack | undefined;
  afterAll(() => server?.stop());

  return (name, attack) => {
    test(name, async () => {
      if (!server || server.death !== undefined) server = await ServerUnderAttack.start(options);
      const besiegedOne = server;
      try {
        const innocents = await InnocentCall.begin(besiegedOne.url);
        await attack(besiegedOne, innocents);
        await innocents.noticedNothing();
        expect(besiegedOne.takeComplaints()).toBe('');
      } catch (error) {
        if (besiegedOne.death === undefined) throw error;
        throw new Error(`the server ended ${besiegedOne.death}`, { cause: error });
      }
    });
  };
}

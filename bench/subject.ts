// A server under test, in a process of its own, so that what it uses is its own.

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Doors, Message, Question, Usage } from './servers/report';

export type ServerName =
  | 'back-call'
  | 'bare-pair'
  | 'bare-socketio'
  | 'bare-socketio-pubsub'
  | 'bare-socketio-streams'
  | 'bare-ws'
  | 'peer-alone';

/** A Redis, and by what the names in it begin. */
export interface Shared {
  url: string;
  prefix: string;
}

export class Subject {
  readonly name: ServerName;
  readonly doors: Required<Doors>;
  readonly #child: ChildProcess;

  private constructor(name: ServerName, doors: Doors, child: ChildProcess) {
    this.name = name;
    this.doors = { peerjs: '', signaling: '', ...doors };
    this.#child = child;
  }

  /**
   * Starts the server in bench/servers of this name; `profiles` is where it leaves a CPU profile when it ends, and
   * `shared` what it shares with other nodes.
   */
  static async start(name: ServerName, profiles: string | undefined, shared?: Shared): Promise<Subject> {
    const profiling = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}/${name}`];
    const child = fork(fileURLToPath(new URL(`servers/${name}.ts`, import.meta.url)), {
      execArgv: [...process.execArgv, '--expose-gc', ...profiling],
      env: { ...process.env, ...redisOf(shared) },
    });
    const message = await nextMessage(child, name);
    if (!('doors' in message)) throw new Error(`${name} did not say where it listens`);
    return new Subject(name, message.doors, child);
  }

  /** What it has used until now. */
  usage(): Promise<Usage> {
    return this.#ask('usage');
  }

  /** The same, after all garbage is collected. */
  settledUsage(): Promise<Usage> {
    return this.#ask('settled usage');
  }

  /** The CPU time that the server needs while `work` is done, and how long that takes, in milliseconds. */
  async measure(work: () => Promise<void>): Promise<{ cpuMs: number; wallMs: number }> {
    const { cpu } = await this.usage();
    const startedAt = performance.now();
    await work();
    const wallMs = performance.now() - startedAt;
    return { cpuMs: ((await this.usage()).cpu - cpu) / 1000, wallMs };
  }

  async end(): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.send('end' satisfies Question);
    await exit;
  }

  async #ask(question: Question): Promise<Usage> {
    const answer = nextMessage(this.#child, this.name);
    this.#child.send(question);
    const message = await answer;
    if (!('usage' in message)) throw new Error(`${this.name} gave no usage`);
    return message.usage;
  }
}

/** Empty is unset: a Redis that whoever runs this has set is not meant. */
const redisOf = ({ url, prefix }: Shared = { url: '', prefix: '' }) => ({
  REDIS_URL: url,
  REDIS_PREFIX: prefix,
  REDIS_REQUIRED: 'on',
});

function nextMessage(child: ChildProcess, name: string): Promise<Message> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`${name} ended with ${code}`));
    child.once('exit', onExit);
    child.once('message', (message) => {
      child.off('exit', onExit);
      resolve(message as Message);
    });
  });
}

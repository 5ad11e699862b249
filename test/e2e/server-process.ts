// The call server as it runs in production: a process of its own, configured by its environment, ended by a signal.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { env, execPath, stderr } from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished, vi } from 'vitest';
import { before, DEADLINE_MS, Inbox } from '../helpers';
import { needBuild } from '../need';

await needBuild();

export const BUILT = fileURLToPath(new URL('../../dist/server.mjs', import.meta.url));

interface Setting {
  /** What is run; the build as it lies here unless given. */
  command?: [file: string, ...args: string[]];
  /** Elsewhere unless given, so that nobody's .env is read. */
  cwd?: string;
}

/** How the server logs that it cannot listen. */
const PORT_IN_USE = /^port \d+ is taken/;

interface LogLine {
  msg: string;
  port?: number;
  reason?: string;
  userId?: string;
}

export class ServerProcess {
  readonly log = new Inbox<LogLine>();
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(environment: Record<string, string>, setting: Setting) {
    const { command: [file, ...args] = [execPath, BUILT], cwd = tmpdir() } = setting;
    const options = { cwd, env: { PATH: env.PATH, LOG_FORMAT: 'json', ...environment } };
    this.#child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    // Not inherited, so that it is scanned for secrets.
    this.#child.stderr?.on('data', (chunk: Buffer) => stderr.write(chunk));
    this.#ended = once(this.#child, 'exit');
    if (this.#child.stdout)
      createInterface(this.#child.stdout).on('line', (line) => this.log.put(JSON.parse(line) as LogLine));
  }

  /** Settles when the process listens, with the port on which it does; ended with the test if it still runs then. */
  static async start(
    environment: Record<string, string>,
    setting: Setting = {},
  ): Promise<{ server: ServerProcess; port: number }> {
    // Another program may use the port for a moment. With port 0, Linux may have no port to give for a moment.
    const attempt = async () => {
      const server = new ServerProcess(environment, setting);
      onTestFinished(async () => {
        server.#child.kill('SIGKILL');
        await server.#ended;
      });
      const { msg, port = 0 } = await server.log.next(
        ({ msg }) => msg.startsWith('listening') || PORT_IN_USE.test(msg),
        'the server listening',
      );
      return !PORT_IN_USE.test(msg) && { server, port };
    };
    return vi.waitUntil(attempt, { timeout: DEADLINE_MS, interval: 200 });
  }

  /** The next line of its log that begins so. */
  said(words: string): Promise<LogLine> {
    return this.log.next(({ msg }) => msg.startsWith(words), `the server saying “${words}”`);
  }

  /** Sends a signal, and resolves with the exit code when the process has ended. */
  async end(signal: NodeJS.Signals): Promise<{ code: number | null }> {
    this.#child.kill(signal);
    await before(this.#ended, () => `the end of the server after ${signal}`);
    return { code: this.#child.exitCode };
  }
}

// Scans what the servers of the tests log for the secrets that they use. Rule D9.

import { ChildProcess } from 'node:child_process';
import { inspect } from 'node:util';
import { pino } from 'pino';
import { secretNames, secretsOf, type SecretOptions } from '../src/config';
import type { Logger } from '../src/logger';

/** Shorter secrets of tests are parts of words. */
const MIN_LENGTH = 4;
/** Floods open thousands of connections: only the latest session secrets are searched for. */
const MAX_SESSION_SECRETS = 50;
/** Programs that run a server of ours. */
const RUNS_SERVER = /(^|\/)(node|npm|npx|sh)$/;

const configured = new Set<string>();
const ofSessions = new Set<string>();
let findings: string[] = [];

/** Forgets the secrets of earlier tests, whose words may be in lines of the next one. */
export function forgetSecrets(): void {
  configured.clear();
  ofSessions.clear();
}

/** Returns the lines that contained a secret since the last call. */
export function takeFindings(): string[] {
  const taken = findings;
  findings = [];
  return taken;
}

export function guardOptions({ redis, turnServer, turnRest }: Partial<Record<keyof SecretOptions, unknown>>): void {
  for (const secret of secretsOf({ redis, turnServer, turnRest } as SecretOptions)) configured.add(secret);
}

/** Guards a secret of one connection, such as a PeerJS token. */
export function guardSession(secret: string | undefined): void {
  if (secret === undefined) return;
  ofSessions.add(secret);
  const [oldest] = ofSessions;
  if (ofSessions.size > MAX_SESSION_SECRETS && oldest !== undefined) ofSessions.delete(oldest);
}

export function scan(text: string): void {
  for (const secrets of [configured, ofSessions])
    for (const secret of secrets)
      if (secret.length >= MIN_LENGTH && text.includes(secret)) findings.push(`${JSON.stringify(secret)} in ${text}`);
}

/** A logger of all levels that only scans. */
export const scanLog = pino({ level: 'trace', base: null }, { write: scan });

/** Returns a logger that scans what `log` gets. */
export function scanning(log: Logger): Logger {
  const methods = (['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const).map((level) => [
    level,
    (...args: unknown[]) => {
      scan(inspect(args, { depth: 8 }));
      Reflect.apply(log[level], log, args);
    },
  ]);
  return Object.assign(Object.create(log) as Logger, Object.fromEntries(methods) as object);
}

/** Scans what this process writes, and what its child processes write to it. */
export function scanProcesses(): void {
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    const scanAll = scanChunks();
    stream.write = (...args: unknown[]) => {
      scanAll(args[0]);
      return write(...args);
    };
  }
  // `spawn`, `fork`, `exec` and `execFile` all call this method.
  const prototype = ChildProcess.prototype as unknown as { spawn: (this: ChildProcess, options: Spawn) => unknown };
  const { spawn } = prototype;
  prototype.spawn = function (options) {
    const result = spawn.call(this, options);
    if (!RUNS_SERVER.test(options.file)) return result;
    guardEnvironment(options.envPairs ?? []);
    for (const stream of [this.stdout, this.stderr]) {
      if (!stream) continue;
      const emit = stream.emit.bind(stream) as (...args: unknown[]) => boolean;
      const scanAll = scanChunks();
      // A listener would read from a stream that a test leaves unread.
      stream.emit = (...args: unknown[]) => {
        if (args[0] === 'data') scanAll(args[1]);
        return emit(...args);
      };
    }
    return result;
  };
}

interface Spawn {
  file: string;
  envPairs?: string[];
}

function guardEnvironment(pairs: string[]): void {
  for (const name of secretNames) {
    const value = pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
    if (value === undefined) continue;
    guardOptions(name === 'REDIS_URL' ? { redis: { url: value } } : { turnRest: { secret: value } });
  }
}

/** Returns a function that scans chunks, also where a chunk ends within a line. */
function scanChunks(): (chunk: unknown) => void {
  let rest = '';
  return (chunk) => {
    const lines = `${rest}${String(chunk)}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) scan(line);
  };
}

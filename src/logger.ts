// The log: one line of JSON per event in production, readable colours in development.

import { stdout } from 'node:process';
import { pino, type Logger } from 'pino';
import pretty from 'pino-pretty';
import { secretsOf, type Config, type SecretOptions } from './config';
import { createRedactor } from './redaction';

export type { Logger };

/** A logger that writes no secret of this configuration. */
export function createLogger(config: Pick<Config, 'logLevel' | 'logFormat'> & SecretOptions): Logger {
  const { logLevel, logFormat } = config;
  const options = { level: logLevel, base: null, hooks: { streamWrite: createRedactor(secretsOf(config)).line } };
  // Node's own stream: pino's retries for ever, at the end of the process, what nobody reads any more.
  if (logFormat === 'json') return pino(options, stdout);
  // A plain stream, not a worker thread: lines are out before the process is.
  return pino(options, pretty({ colorize: true, sync: true, translateTime: 'SYS:HH:MM:ss.l', singleLine: true }));
}

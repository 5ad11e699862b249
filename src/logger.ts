// The log: one line of JSON per event in production, readable colours in development.

import { stdout } from 'node:process';
import { pino, type Logger } from 'pino';
import pretty from 'pino-pretty';
import type { Config } from './config';

export type { Logger };

export function createLogger({ logLevel, logFormat }: Pick<Config, 'logLevel' | 'logFormat'>): Logger {
  const options = { level: logLevel, base: null };
  // Node's own stream: pino's retries for ever, at the end of the process, what nobody reads any more.
  if (logFormat === 'json') return pino(options, stdout);
  // A plain stream, not a worker thread: lines are out before the process is.
  return pino(options, pretty({ colorize: true, sync: true, translateTime: 'SYS:HH:MM:ss.l', singleLine: true }));
}

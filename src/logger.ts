// The log: one line of JSON per event in production, readable colours in development.

import { pino, type Logger } from 'pino';
import pretty from 'pino-pretty';
import type { Config } from './config';

export type { Logger };

export function createLogger({ logLevel, logFormat }: Pick<Config, 'logLevel' | 'logFormat'>): Logger {
  const options = { level: logLevel, base: null };
  if (logFormat === 'json') return pino(options);
  // A plain stream, not a worker thread: lines are out before the process is.
  return pino(options, pretty({ colorize: true, sync: true, translateTime: 'SYS:HH:MM:ss.l', singleLine: true }));
}

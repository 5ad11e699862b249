// The log: one line of JSON per event in production, readable colours in development.

import { pino, type Logger } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { secretsOf, type Config, type SecretOptions } from './config';
import { openStdout } from './log-output';
import { createRedactor } from './redaction';

export type { Logger };

/** A logger that writes no secret of this configuration. */
export function createLogger(config: Pick<Config, 'logLevel' | 'logFormat'> & SecretOptions): Logger {
  const { logLevel, logFormat } = config;
  const options = { level: logLevel, base: null, hooks: { streamWrite: createRedactor(secretsOf(config)).line } };
  const format =
    logFormat === 'json'
      ? (line: string) => line
      : prettyFactory({ colorize: true, translateTime: 'SYS:HH:MM:ss.l', singleLine: true });
  const output = openStdout();
  const report = (lines: number) => format(dropReport(lines));
  return pino(options, { write: (line) => output.write(format(line), report) });
}

const dropReport = (lines: number) =>
  `${JSON.stringify({ level: pino.levels.values.warn, time: Date.now(), lines, msg: 'log lines dropped, stdout is not read' })}\n`;

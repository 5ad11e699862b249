// The log: one line of JSON per event in production, readable colours in development.

import { pino, stdSerializers, type Logger } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { secretsOf, type Config, type SecretOptions } from './config';
import { openStdout } from './log-output';
import { MAX_ERROR, MAX_FIELD, shortened } from './log-values';
import { createRedactor } from './redaction';

export type { Logger };

/** A logger that writes no secret of this configuration. */
export function createLogger(config: Pick<Config, 'logLevel' | 'logFormat'> & SecretOptions): Logger {
  const { logLevel, logFormat } = config;
  const { text, line } = createRedactor(secretsOf(config));
  const options = {
    level: logLevel,
    base: null,
    hooks: { streamWrite: line },
    formatters: { log: (fields: object) => shortened(fields, MAX_FIELD, text) as Record<string, unknown> },
    serializers: { err: (error: Error) => shortened(stdSerializers.err(error), MAX_ERROR, text) },
  };
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

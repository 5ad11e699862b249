// A logger of the application around the server, which gets no secrets.

import { inspect } from 'node:util';
import { stdSerializers, type Logger } from 'pino';
import type { Redactor } from './redaction';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
type Level = (typeof LEVELS)[number];

/** Returns a logger that calls `log` with redacted arguments. Arguments without secrets are passed as they are. */
export function redactingLogger(log: Logger, { text, line }: Redactor): Logger {
  const redact = (argument: unknown): unknown => {
    if (typeof argument === 'string') return text(argument);
    if (typeof argument !== 'object' || argument === null) return argument;
    const json = stringify(argument);
    if (json === undefined) return text(inspect(argument));
    const redacted = line(json);
    return redacted === json ? argument : restore(argument, JSON.parse(redacted) as object);
  };
  // A logger that is no pino logger may lack `isLevelEnabled`.
  const isEnabled = (level: Level) => (log as Partial<Logger>).isLevelEnabled?.(level) !== false;
  const write = (level: Level, args: unknown[]) => {
    if (isEnabled(level)) Reflect.apply(log[level], log, args.map(redact));
  };
  const methods = LEVELS.map((level) => [level, (...args: unknown[]) => write(level, args)]);
  return Object.assign(Object.create(log) as Logger, Object.fromEntries(methods) as Pick<Logger, Level>);
}

/** Makes an error, and the errors in fields, errors of their class again after JSON: loggers write those differently. */
function restore(original: object, redacted: object): object {
  if (original instanceof Error)
    return Object.create(
      Object.getPrototypeOf(original) as object,
      Object.getOwnPropertyDescriptors(redacted),
    ) as object;
  for (const [name, value] of Object.entries(redacted)) {
    const field = (original as Record<string, unknown>)[name];
    if (field instanceof Error) Object.assign(redacted, { [name]: restore(field, value as object) });
  }
  return redacted;
}

/** Returns the JSON of what pino logs of an object; undefined for objects that have no JSON. */
function stringify(value: object): string | undefined {
  // Not the second argument: that is what `toJSON` of an error returns, which pino does not call.
  function errorsToObjects(this: Record<string, unknown>, name: string, value: unknown): unknown {
    const field = this[name];
    return field instanceof Error ? stdSerializers.err(field) : value;
  }
  try {
    return JSON.stringify(value, errorsToObjects);
  } catch {
    return undefined;
  }
}

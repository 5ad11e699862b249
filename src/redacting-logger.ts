// A logger of the application around the server, which gets no secrets and no long values.

import { inspect } from 'node:util';
import { stdSerializers, type Logger } from 'pino';
import { MAX_ERROR, MAX_FIELD, shortened } from './log-values';
import type { Redactor } from './redaction';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
type Level = (typeof LEVELS)[number];

/**
 * Returns a logger that calls `log` with redacted arguments, whose long texts are cut as `createLogger` cuts them. Arguments
 * without secrets and long texts are passed as they are.
 */
export function redactingLogger(log: Logger, { text, line }: Redactor): Logger {
  const redact = (argument: unknown): unknown => {
    if (typeof argument === 'string') return text(argument);
    if (typeof argument !== 'object' || argument === null) return argument;
    const json = stringify(argument);
    if (json === undefined) return text(inspect(argument));
    const redacted = line(json);
    if (redacted === json && json.length <= MAX_FIELD) return argument;
    const short = cut(argument, JSON.parse(redacted) as object, text);
    return JSON.stringify(short) === json ? argument : restore(argument, short);
  };
  // A logger that is no pino logger may lack `isLevelEnabled`.
  const isEnabled = (level: Level) => (log as Partial<Logger>).isLevelEnabled?.(level) !== false;
  const write = (level: Level, args: unknown[]) => {
    if (isEnabled(level)) Reflect.apply(log[level], log, args.map(redact));
  };
  const methods = LEVELS.map((level) => [level, (...args: unknown[]) => write(level, args)]);
  return Object.assign(Object.create(log) as Logger, Object.fromEntries(methods) as Pick<Logger, Level>);
}

/** Cuts the long texts in the redacted copy of an argument. The text of an error may be longer. */
function cut(original: object, redacted: object, redact: Redactor['text']): object {
  const short = (value: unknown, from: unknown) =>
    shortened(value, from instanceof Error ? MAX_ERROR : MAX_FIELD, redact);
  if (original instanceof Error || Array.isArray(redacted)) return short(redacted, original) as object;
  return Object.fromEntries(
    Object.entries(redacted).map(([name, value]) => [name, short(value, original[name as keyof typeof original])]),
  );
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

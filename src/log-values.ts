// Limits the length of values in log lines.

/** The number of characters of a field, and of the message or stack of an error. */
export const MAX_FIELD = 256;
export const MAX_ERROR = 4096;
const MAX_DEPTH = 5;

/**
 * Returns a value whose long texts are cut, with their length at the end. Errors remain as they are.
 *
 * @param redact - is called before a text is cut, because a part of a secret could not be found afterwards.
 */
export function shortened(value: unknown, limit: number, redact: (text: string) => string, depth = 0): unknown {
  if (typeof value === 'string') {
    if (value.length <= limit || isCut(value, limit)) return value;
    return `${redact(value).slice(0, limit)}… (${value.length} characters)`;
  }
  if (typeof value !== 'object' || value === null || value instanceof Error || depth >= MAX_DEPTH) return value;
  if (Array.isArray(value)) return value.map((item) => shortened(item, limit, redact, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, shortened(inner, limit, redact, depth + 1)]),
  );
}

/** Whether a text was cut before: the log lines of the server pass two loggers if it creates one and is given it. */
const isCut = (text: string, limit: number) => /^… \(\d{1,16} characters\)$/.test(text.slice(limit));

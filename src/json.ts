// What a JSON value from outside may cost us: how deep it is, and how large.

/**
 * Whether `value` is plain JSON at most `maxDepth` levels deep: a scalar has none, `{}` one. Binary data is not JSON.
 *
 * Like {@link jsonSize} it looks no deeper than that, so that a value which would overflow the stack of whoever serializes
 * it cannot overflow ours.
 */
export function isShallow(value: unknown, maxDepth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (maxDepth === 0 || isBinary(value)) return false;
  if (Array.isArray(value)) return value.every((item) => isShallow(item, maxDepth - 1));
  for (const key in value) if (!isShallow(value[key as keyof typeof value], maxDepth - 1)) return false;
  return true;
}

/**
 * How large `value` is, in bytes; `Infinity` for what is deeper than `maxDepth` or no JSON. Texts count by their UTF-8.
 * What takes more memory than text, counts by memory: 20,000 empty objects are 60 KB as text, and a megabyte once parsed.
 */
export function jsonSize(value: unknown, maxDepth: number): number {
  if (typeof value === 'string') return Math.max(STRING, Buffer.byteLength(value));
  if (typeof value !== 'object' || value === null) return SCALAR;
  if (maxDepth === 0 || isBinary(value)) return Infinity;
  let size = OBJECT;
  if (Array.isArray(value)) for (const item of value) size += jsonSize(item, maxDepth - 1);
  else
    for (const key in value)
      size += STRING + Buffer.byteLength(key) + jsonSize(value[key as keyof typeof value], maxDepth - 1);
  return size;
}

/** What each takes at the least in V8, in bytes. */
const SCALAR = 8;
const STRING = 24;
const OBJECT = 64;

const isBinary = (value: object) => ArrayBuffer.isView(value) || value instanceof ArrayBuffer;

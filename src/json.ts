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
 * How large `value` is in bytes, counting each key and string by its UTF-8 and everything else as eight; `Infinity` for
 * what is deeper than `maxDepth` or no JSON.
 */
export function jsonSize(value: unknown, maxDepth: number): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value !== 'object' || value === null) return 8;
  if (maxDepth === 0 || isBinary(value)) return Infinity;
  let size = 8;
  if (Array.isArray(value)) for (const item of value) size += jsonSize(item, maxDepth - 1);
  else
    for (const key in value) size += Buffer.byteLength(key) + jsonSize(value[key as keyof typeof value], maxDepth - 1);
  return size;
}

const isBinary = (value: object) => ArrayBuffer.isView(value) || value instanceof ArrayBuffer;

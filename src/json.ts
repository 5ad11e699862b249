// What a JSON value from outside may cost us: how deep it is, and how large.

/**
 * Whether `value` is plain JSON at most `maxDepth` levels deep (a scalar has none, `{}` one) and at most `maxBytes`
 * large, counting each key and string by its UTF-8 bytes and everything else as eight. Binary data is not JSON.
 */
export function fitsJson(value: unknown, maxDepth: number, maxBytes: number): boolean {
  const size = jsonSize(value, maxDepth);
  return Number.isFinite(size) && size <= maxBytes;
}

/**
 * The size that {@link fitsJson} counts; `Infinity` for what is too deep, and for what is not JSON. It looks no deeper
 * than `maxDepth`, so that a value which would overflow the stack of whoever serializes it cannot overflow ours.
 */
export function jsonSize(value: unknown, maxDepth: number): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value !== 'object' || value === null) return 8;
  if (maxDepth === 0 || ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return Infinity;
  let size = 8;
  if (Array.isArray(value)) {
    for (const item of value) size += jsonSize(item, maxDepth - 1);
    return size;
  }
  for (const [key, item] of Object.entries(value)) size += Buffer.byteLength(key) + jsonSize(item, maxDepth - 1);
  return size;
}

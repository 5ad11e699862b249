// What a JSON value from outside may cost us: how deep it is, and how large.

/**
 * Whether `value` is plain JSON at most `maxDepth` levels deep (a scalar has none, `{}` one) and at most `maxBytes`
 * large, counting each key and string by its UTF-8 bytes and everything else as eight.
 *
 * It walks without recursion and stops at the first excess, so that the value it protects from (a thousandfold nested
 * array overflows the stack of whoever serializes it) cannot harm the check itself. Binary data is not JSON.
 */
export function fitsJson(value: unknown, maxDepth: number, maxBytes: number): boolean {
  const size = jsonSize(value, maxDepth, maxBytes);
  return Number.isFinite(size) && size <= maxBytes;
}

/** The size that {@link fitsJson} counts; `Infinity` for what is too deep, and for what is not JSON. */
export function jsonSize(value: unknown, maxDepth: number, maxBytes = Infinity): number {
  let bytes = 0;
  const pending: { value: unknown; depth: number }[] = [{ value, depth: 0 }];
  for (let next = pending.pop(); next && bytes <= maxBytes; next = pending.pop()) {
    if (typeof next.value === 'string') bytes += Buffer.byteLength(next.value);
    else bytes += 8;
    if (typeof next.value !== 'object' || next.value === null) continue;
    if (next.depth === maxDepth || ArrayBuffer.isView(next.value) || next.value instanceof ArrayBuffer) return Infinity;
    const depth = next.depth + 1;
    if (Array.isArray(next.value)) {
      if (next.value.length * 8 > maxBytes) return Infinity;
      for (const item of next.value) pending.push({ value: item, depth });
      continue;
    }
    for (const [key, item] of Object.entries(next.value)) {
      bytes += Buffer.byteLength(key);
      pending.push({ value: item, depth });
    }
  }
  return bytes;
}

// How long to wait before the next attempt.

/** Milliseconds: half a second, doubled with each failure up to `maxMs`, a quarter more or less so that nobody is in step. */
export function backoff(failures: number, maxMs: number): number {
  return Math.min(maxMs, 500 * 2 ** failures) * (0.75 + Math.random() / 2);
}

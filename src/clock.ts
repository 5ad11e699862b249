// Time that does not jump.

/**
 * Returns milliseconds on the monotonic clock, for deadlines. Changes of the wall clock have no effect. The values are of the
 * size of milliseconds since the epoch, and they are integers.
 */
export const monotonicNow = (): number => Math.round(performance.timeOrigin + performance.now());

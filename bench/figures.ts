// What many noisy figures are in one.

/** The value below which the part `share` of all values lies; `NaN` of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export interface Ratio {
  median: number;
  /** Between these lies the middle half of the rounds. */
  quartiles: readonly [number, number];
}

/**
 * How `values` compare to `base`, round by round: a round's figures were taken right after one another, so that what
 * disturbed the machine disturbed both.
 */
export function ratio(values: readonly number[], base: readonly number[]): Ratio {
  const ratios = values.map((value, round) => value / (base[round] ?? NaN));
  return { median: median(ratios), quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)] };
}

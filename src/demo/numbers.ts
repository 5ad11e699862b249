// Measurements as people read them.

export const milliseconds = (value: number | undefined): string =>
  value === undefined ? 'not measured yet' : `${Math.round(value)} ms`;

/** @param share - from 0 to 1. */
export const percent = (share: number): string => `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;

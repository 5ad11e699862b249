// Figures on a terminal: aligned columns, and beside each aim whether it is met.

import type { Ratio } from './figures';

/** Prints rows under their headings; the first column is text, the others are figures. */
export function printTable(title: string, headings: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('   ')
      .trimEnd();
  console.log(`\n${title}\n`);
  for (const cells of [headings, ...rows]) console.log(`  ${line(cells)}`);
}

export const fixed = (value: number, digits: number, unit = '') => `${value.toFixed(digits)}${unit && ` ${unit}`}`;

export const spread = ({ quartiles: [low, high] }: Ratio) => `${fixed(low, 2)}–${fixed(high, 2)}`;

/** Whether `value` is as low as it should be. */
export function verdict(value: number, aim: number, digits: number, unit = ''): string {
  const target = `≤ ${fixed(aim, digits, unit)}`;
  const excess = Number(value.toFixed(digits)) - aim;
  return excess <= 0 ? `${target} met` : `${target} missed by ${fixed(excess, digits, unit)}`;
}

// The people of a call in rows that fill the stage, whether it is wide or tall.

import { Children, type CSSProperties, type ReactNode } from 'react';

/** How many rows, in a stage that is wider than tall and in one that is taller than wide. */
const rowsWhenWide = (count: number) => (count <= 3 ? 1 : Math.max(2, Math.ceil(count / 4)));
const rowsWhenTall = (count: number) => (count <= 3 ? count : Math.ceil(count / 2));

export function Tiles({ children }: { children: ReactNode }) {
  const count = Children.toArray(children).length;
  const [wide, tall] = [rowsWhenWide(count), rowsWhenTall(count)];
  const style = {
    '--wide-rows': wide,
    '--wide-columns': Math.ceil(count / wide),
    '--tall-rows': tall,
    '--tall-columns': Math.ceil(count / tall),
  } as CSSProperties;
  return (
    <ul className="tiles" aria-label="People in this call" style={style}>
      {children}
    </ul>
  );
}

// Suggestions for misspelt names.

/**
 * Returns the known name that is most similar to `name`; undefined if none is similar. Names are similar if at most one
 * in four of their characters is inserted, removed, replaced or swapped. Case and separators do not count.
 *
 * @param maxDistance - the number of characters that may differ at most
 */
export function nearestOf<Name extends string>(
  name: string,
  known: readonly Name[],
  maxDistance = Infinity,
): Name | undefined {
  const plain = plainOf(name);
  const ranked = known
    .map((candidate) => ({ candidate, distance: distanceOf(plain, plainOf(candidate)) }))
    .filter(({ candidate, distance }) => distance <= Math.min(candidate.length / 4, maxDistance))
    .sort((one, other) => one.distance - other.distance);
  return ranked[0]?.candidate;
}

const plainOf = (name: string) => name.slice(0, 64).toLowerCase().replaceAll(/[-_.]/g, '');

/** The distance of Damerau and Levenshtein, each part of the text edited at most once (optimal string alignment). */
function distanceOf(one: string, other: string): number {
  const rows = [Array.from({ length: other.length + 1 }, (_, column) => column)];
  const cell = (row: number, column: number) => rows[row]?.[column] ?? Infinity;
  for (let row = 1; row <= one.length; row++) {
    const cells = (rows[row] = [row]);
    for (let column = 1; column <= other.length; column++) {
      const isSame = one[row - 1] === other[column - 1];
      const isSwapped = row > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      cells[column] = Math.min(
        cell(row - 1, column) + 1,
        cell(row, column - 1) + 1,
        cell(row - 1, column - 1) + (isSame ? 0 : 1),
        isSwapped ? cell(row - 2, column - 2) + 1 : Infinity,
      );
    }
  }
  return cell(one.length, other.length);
}

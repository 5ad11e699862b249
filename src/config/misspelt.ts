// Names of variables that look like misspelt names of ours.

import { nearestOf } from './nearest';
import { variableNames, type VariableName } from './variables';

/** Names at least this long are compared with names that other programs may have. */
const DISTINCTIVE_LENGTH = 8;
const PREFIX = /^back_?call_/i;

export interface Misspelt {
  name: string;
  nearest: VariableName;
}

/** Returns the unknown names of a file that was written for this program, each with the nearest known name. */
export function misspeltInFile(names: readonly string[]): Misspelt[] {
  return names.flatMap((name) => misspelt(name, variableNames));
}

/**
 * The same for the whole environment, where most names belong to other programs: at most one character may differ from a
 * long name that is not set itself.
 */
export function misspeltInEnvironment(names: readonly string[]): Misspelt[] {
  const candidates = variableNames.filter((known) => known.length >= DISTINCTIVE_LENGTH && !names.includes(known));
  return names.flatMap((name) => misspelt(name, candidates, 1));
}

function misspelt(name: string, candidates: VariableName[], maxDistance?: number): Misspelt[] {
  if ((variableNames as string[]).includes(name)) return [];
  const nearest = nearestOf(name.replace(PREFIX, ''), candidates, maxDistance);
  return nearest === undefined ? [] : [{ name, nearest }];
}

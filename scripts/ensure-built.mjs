// Builds dist/ before `npm start` when it is missing or older than what it is made of. If that is impossible, an older
// dist/ starts with a warning. With --types, which is for the tests, dist/ must be up to date.

import { existsSync } from 'node:fs';
import { BuildError, buildDist, isStale, isUsable } from './dist.mjs';

const types = process.argv.includes('--types');

// An installed package has no sources.
if (existsSync('src') && isStale({ types })) {
  console.log('Building dist/ …');
  try {
    await buildDist({ types, ifStale: true });
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    if (error.output) console.error(error.output);
    if (isUsable() && !types) console.warn(`Starting an older dist/ than the sources: ${error.message}.`);
    else {
      console.error(`There is no dist/, and it cannot be built: ${error.message}. Try npm ci --include=dev.`);
      process.exitCode = 1;
    }
  }
}

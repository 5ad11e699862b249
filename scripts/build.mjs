// `npm run build`. With --no-dts without the declaration files, which only the library needs.

import { BuildError, buildDist } from './dist.mjs';

const startedAt = Date.now();
try {
  await buildDist({ types: !process.argv.includes('--no-dts') });
  console.log(`Built dist/ in ${((Date.now() - startedAt) / 1000).toFixed(0)} s.`);
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  if (error.output) console.error(error.output);
  console.error(`No new dist/: ${error.message}.`);
  process.exitCode = 1;
}

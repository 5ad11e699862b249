// Builds dist/ when it is missing or older than what it is made of, and does nothing otherwise: before `npm start` without
// the types of the library, which nobody needs then and which take most of the time, with --types before the tests.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const hasTypes = process.argv.includes('--types');
const built = hasTypes ? 'dist/index.d.ts' : 'dist/server.mjs';
const filesIn = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
const pathOf = (file) => join(file.parentPath ?? file.path, file.name);
const sources = () => [...['src', 'scripts'].flatMap(filesIn).map(pathOf), 'package.json', 'tsup.config.ts'];
const isStale = () => {
  const builtAt = statSync(built).mtimeMs;
  return sources().some((file) => statSync(file).mtimeMs > builtAt);
};

if (existsSync('src') && (!existsSync(built) || isStale())) {
  const args = ['run', 'build', ...(hasTypes ? [] : ['--', '--no-dts'])];
  const { status } = spawnSync('npm', args, { stdio: 'inherit', shell: process.platform === 'win32' });
  process.exitCode = status ?? 1;
}

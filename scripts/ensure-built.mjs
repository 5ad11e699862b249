// Builds dist/ before `npm start` when it is missing or older than the sources, and does nothing otherwise.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const built = 'dist/server.mjs';
const sources = () => readdirSync('src', { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
const isStale = () => {
  const builtAt = statSync(built).mtimeMs;
  return sources().some((file) => statSync(join(file.parentPath ?? file.path, file.name)).mtimeMs > builtAt);
};

if (existsSync('src') && (!existsSync(built) || isStale())) {
  const { status } = spawnSync('npm', ['run', 'build'], { stdio: 'inherit', shell: process.platform === 'win32' });
  process.exitCode = status ?? 1;
}

// Builds dist/ in a folder of its own, which replaces dist/ when the build has succeeded. A build that fails or is
// interrupted leaves dist/ as it was.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const DIST = 'dist';
/** Beside dist/, because a rename does not leave a file system. */
const FOLDER = '.build-';
/** The lock of a process that was killed expires after this many milliseconds. */
const LOCK_MS = 10_000;
/** What a finished build contains: the server, and with types the last declaration file. */
const serverFile = join(DIST, 'server.mjs');
const typesFile = join(DIST, 'index.d.ts');

/** The message says in one sentence why there is no build. `output` is what the compiler wrote. */
export class BuildError extends Error {
  output = '';
}

/** Whether dist/ can start, whatever sources it was built from. */
export const isUsable = () => existsSync(serverFile);

/** Whether dist/ is missing, or older than what it is made of. */
export function isStale({ types }) {
  const built = types ? typesFile : serverFile;
  return !existsSync(built) || statSync(built).mtimeMs < newestSource();
}

/**
 * Builds dist/. Processes that build at the same time take turns; with `ifStale`, the later ones use the build of the first.
 * Rejects with a {@link BuildError}.
 *
 * @param {{ types: boolean, ifStale?: boolean }} options `types` includes the declaration files, which take most of the time
 */
export async function buildDist({ types, ifStale = false }) {
  const { lock } = await import('proper-lockfile').catch(() => fail('the development packages are not installed'));
  try {
    accessSync('.', constants.W_OK);
  } catch (error) {
    fail(`this folder cannot be written: ${error.message}`);
  }
  const release = await lock('.', {
    lockfilePath: `${FOLDER}lock`,
    retries: { forever: true, minTimeout: 100, maxTimeout: 500 },
    stale: LOCK_MS,
    // The computer slept. The worst case is two builds at once.
    onCompromised: () => undefined,
  });
  try {
    if (!ifStale || isStale({ types })) await build(types);
  } finally {
    await release();
  }
}

async function build(types) {
  removeLeftovers();
  // Not by mkdtemp, whose mode 0700 would keep other users out of dist/.
  const folder = `${FOLDER}${randomUUID()}`;
  mkdirSync(folder);
  let compiler;
  const stop = (signal) => {
    compiler?.kill();
    rmSync(folder, { recursive: true, force: true });
    process.kill(process.pid, signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.once(signal, stop);
  try {
    compiler = startCompiler(folder, types);
    await succeeded(compiler);
    replaceDist(folder);
  } finally {
    for (const signal of signals) process.off(signal, stop);
    rmSync(folder, { recursive: true, force: true });
  }
  // A source may be from the future, as seen from this clock.
  const newest = new Date(Math.ceil(newestSource()));
  for (const file of [serverFile, typesFile].filter(existsSync))
    if (statSync(file).mtime < newest) utimesSync(file, newest, newest);
}

function startCompiler(folder, types) {
  const args = [tsup(), '--silent', ...(types ? [] : ['--no-dts'])];
  const environment = { ...process.env, BUILD_FOLDER: folder };
  return spawn(process.execPath, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
}

function tsup() {
  const require = createRequire(import.meta.url);
  try {
    return join(require.resolve('tsup/package.json'), '..', 'dist/cli-default.js');
  } catch {
    return fail('the development packages are not installed');
  }
}

async function succeeded(compiler) {
  let output = '';
  for (const stream of [compiler.stdout, compiler.stderr]) stream.on('data', (chunk) => (output += chunk));
  const [status] = await once(compiler, 'close');
  if (status !== 0) throw Object.assign(new BuildError('the build failed'), { output: output.trim() });
}

/** Without dist/ for a moment, because a folder that is not empty cannot be renamed over. */
function replaceDist(folder) {
  const old = `${folder}-old`;
  try {
    if (existsSync(DIST)) renameSync(DIST, old);
    renameSync(folder, DIST);
  } catch (error) {
    if (existsSync(old)) renameSync(old, DIST);
    fail(`dist/ cannot be replaced: ${error.message}`);
  }
  rmSync(old, { recursive: true, force: true });
}

/** Removes what builds left that were killed. If one was killed while it replaced dist/, the old one is put back. */
function removeLeftovers() {
  for (const name of readdirSync('.').filter((entry) => entry.startsWith(FOLDER) && entry !== `${FOLDER}lock`)) {
    if (name.endsWith('-old') && !existsSync(DIST)) renameSync(name, DIST);
    else rmSync(name, { recursive: true, force: true });
  }
}

function newestSource() {
  const files = ['src', 'scripts'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((file) => join(file.parentPath ?? file.path, file.name)),
  );
  return Math.max(...[...files, 'package.json', 'tsup.config.ts'].map((file) => statSync(file).mtimeMs));
}

function fail(reason) {
  throw new BuildError(reason);
}

// `npm start` and `npm run build` in a folder where the build fails, is interrupted, is impossible or runs twice. Rule D21.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { env, getuid, kill } from 'node:process';
import { expect, it, onTestFinished, vi } from 'vitest';
import { scripts } from '../package.json';
import { before, DEADLINE_MS } from './helpers';

const NOBODY = 65_534;
const isRoot = getuid?.() === 0;

/** With `WAIT=on`, the compiler does not end. */
const COMPILER = `
  export default async () => {
    if (process.env.WAIT === 'on') await new Promise((resolve) => setTimeout(resolve, 1e6));
    return { entry: ['src/server.ts'], outDir: process.env.BUILD_FOLDER, format: 'esm', outExtension: () => ({ js: '.mjs' }) };
  };`;

/** Creates a project with the build of this one, whose program prints its version. */
async function createProject({ hasCompiler = true, dist }: { hasCompiler?: boolean; dist?: string }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'back-call-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await chmod(folder, 0o755);
  await cp('scripts', join(folder, 'scripts'), { recursive: true });
  await mkdir(join(folder, 'src'));
  const { build, prestart, start } = scripts;
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ type: 'module', scripts: { build, prestart, start } }),
  );
  await writeFile(join(folder, 'tsup.config.ts'), COMPILER);
  if (dist !== undefined) {
    await mkdir(join(folder, 'dist'));
    await writeFile(join(folder, 'dist/server.mjs'), `console.log('${dist}')`);
    const long = new Date('2000-01-01');
    await utimes(join(folder, 'dist/server.mjs'), long, long);
  }
  await writeFile(join(folder, 'src/server.ts'), "console.log('new' as string)");
  if (hasCompiler) await symlink(resolve('node_modules'), join(folder, 'node_modules'));
  return folder;
}

interface Run {
  variables?: Record<string, string>;
  uid?: number;
}

function run(folder: string, command: string[], { variables = {}, uid }: Run = {}) {
  const [program = '', ...args] = command;
  const options = {
    cwd: folder,
    env: { PATH: env.PATH, HOME: tmpdir(), npm_config_update_notifier: 'false', ...variables },
    detached: true,
  };
  const child = spawn(program, args, { ...options, ...(uid !== undefined && { uid, gid: uid }) });
  const { pid = 0 } = child;
  // npm passes a signal to the shell alone, so the whole group ends.
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) kill(-pid, 'SIGKILL');
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const closed = once(child, 'close').then(([status]) => ({
    status: status as number | null,
    // Without npm's own lines, which repeat the commands.
    lines: text.split('\n').filter((line) => line !== '' && !line.startsWith('> ')),
  }));
  return { pid, ended: () => before(closed, () => `the end of ${command.join(' ')}; it wrote ${text}`) };
}

const start = (folder: string, options?: Run) => run(folder, ['npm', 'start'], options).ended();

/** The folders of builds that are there. */
const buildFolders = async (folder: string) => (await readdir(folder)).filter((name) => /^\.build-(?!lock)/.test(name));

async function runBuildUntilItCompiles(folder: string) {
  const build = run(folder, ['node', 'scripts/build.mjs', '--no-dts'], { variables: { WAIT: 'on' } });
  await vi.waitUntil(async () => (await buildFolders(folder)).length > 0, { timeout: DEADLINE_MS });
  return build;
}

it('[D21] a missing or older dist/ is built once before the start', async () => {
  for (const folder of [await createProject({}), await createProject({ dist: 'old' })]) {
    expect(await start(folder)).toEqual({ status: 0, lines: ['Building dist/ …', 'new'] });
    expect(await start(folder)).toEqual({ status: 0, lines: ['new'] });
  }
});

it('[D21] a source with a time in the future is built once', async () => {
  const folder = await createProject({});
  const future = new Date(Date.now() + 1e8);
  await utimes(join(folder, 'src/server.ts'), future, future);
  expect((await start(folder)).lines).toEqual(['Building dist/ …', 'new']);
  expect((await start(folder)).lines).toEqual(['new']);
});

it('[D21] after a failed build, the older dist/ starts with a warning', async () => {
  const folder = await createProject({ dist: 'old' });
  await writeFile(join(folder, 'src/server.ts'), 'const = 1');
  const { status, lines } = await start(folder);
  expect(status).toBe(0);
  expect(lines.slice(-2)).toEqual(['Starting an older dist/ than the sources: the build failed.', 'old']);
  expect(lines.join('\n')).toContain('src/server.ts:1:6');
  const build = await run(folder, ['npm', 'run', 'build']).ended();
  expect(build.status).toBe(1);
  expect(build.lines.at(-1)).toBe('No new dist/: the build failed.');
  expect((await start(folder)).lines.at(-1)).toBe('old');
  expect(await readdir(folder)).not.toContainEqual(expect.stringContaining('.build-'));
});

it('[D21] without development packages, the older dist/ starts with a warning', async () => {
  const reason = 'the development packages are not installed';
  const lines = ['Building dist/ …', `Starting an older dist/ than the sources: ${reason}.`, 'old'];
  expect(await start(await createProject({ hasCompiler: false, dist: 'old' }))).toEqual({ status: 0, lines });
});

it('[D21] in a folder that it may not write, the older dist/ starts with a warning', async () => {
  const folder = await createProject({ dist: 'old' });
  if (isRoot) await chown(join(folder, 'dist'), 0, 0);
  else await chmod(folder, 0o555);
  const { status, lines } = await start(folder, isRoot ? { uid: NOBODY, variables: { HOME: '/nonexistent' } } : {});
  if (!isRoot) await chmod(folder, 0o755);
  expect(lines).toEqual([
    'Building dist/ …',
    expect.stringMatching(/^Starting an older dist\/ than the sources: this folder cannot be written: EACCES.*\.$/),
    'old',
  ]);
  expect(status).toBe(0);
});

it('[D21] without a dist/ and without development packages, the start is refused in one sentence', async () => {
  const { status, lines } = await start(await createProject({ hasCompiler: false }));
  expect(status).toBe(1);
  expect(lines.slice(1)).toEqual([
    'There is no dist/, and it cannot be built: the development packages are not installed. Try npm ci --include=dev.',
  ]);
});

it('[D21] of starts at the same time, one builds', async () => {
  const folder = await createProject({});
  const starts = await Promise.all(Array.from({ length: 3 }, () => start(folder)));
  expect(starts.map(({ status, lines }) => [status, lines.at(-1)])).toEqual(starts.map(() => [0, 'new']));
  expect(await readdir(folder)).not.toContainEqual(expect.stringContaining('.build-'));
});

it('[D21] a build that is interrupted leaves dist/ as it was, and nothing else', async () => {
  const folder = await createProject({ dist: 'old' });
  const build = await runBuildUntilItCompiles(folder);
  kill(build.pid, 'SIGTERM');
  await build.ended();
  expect(await buildFolders(folder)).toEqual([]);
  expect(await readFile(join(folder, 'dist/server.mjs'), 'utf8')).toContain('old');
});

it('[D21] what a killed build leaves is removed by the next one', async () => {
  const folder = await createProject({ dist: 'old' });
  const build = await runBuildUntilItCompiles(folder);
  kill(-build.pid, 'SIGKILL');
  await build.ended();
  expect(await readFile(join(folder, 'dist/server.mjs'), 'utf8')).toContain('old');
  // It was killed in the moment between the two renames.
  await cp(join(folder, 'dist'), join(folder, '.build-x-old'), { recursive: true });
  await rm(join(folder, 'dist'), { recursive: true });
  await writeFile(join(folder, 'src/server.ts'), 'const = 1');
  expect((await start(folder)).lines.at(-1)).toBe('old');
  expect(await buildFolders(folder)).toEqual([]);
});

it('[D21] a user other than the one who built dist/ can start it', async () => {
  const folder = await createProject({});
  expect((await start(folder)).status).toBe(0);
  const { mode } = await stat(join(folder, 'src'));
  expect((await stat(join(folder, 'dist'))).mode).toBe(mode);
});

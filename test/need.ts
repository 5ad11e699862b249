// What a test file needs from the machine: installed programs, and a build in dist/. A module that uses one of them awaits it
// at its top level, where no test timeout applies, so a run installs and builds only for the tests that it contains.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, getuid, platform, stderr } from 'node:process';
import { lock } from 'proper-lockfile';
import { missingPackages, type Program } from './e2e/programs';

/** Resolves when the programs are installed. Debian's packages are installed if the user may do so; rejects otherwise. */
export async function needPrograms(...programs: Program[]): Promise<void> {
  if (missingPackages(programs).length === 0) return;
  if (!existsSync('/usr/bin/apt-get') || getuid?.() !== 0)
    throw new Error(`The tests need ${missingPackages(programs).join(' and ')}; please install (${platform}).`);
  await exclusively('back-call-apt', async () => {
    const missing = missingPackages(programs);
    if (missing.length === 0) return;
    announce(`Installing ${missing.join(', ')} with apt-get …`);
    const install = ['install', '-y', '-qq', '--no-install-recommends', ...missing];
    // The package lists may be missing or out of date.
    await run('apt-get', install).catch(async () => {
      await run('apt-get', ['update', '-qq']);
      await run('apt-get', install);
    });
  });
}

/** Resolves when dist/ is up to date with the sources, declaration files included. */
export async function needBuild(): Promise<void> {
  const slow = setTimeout(() => announce('Building dist/ …'), 1000);
  await run('node', ['scripts/ensure-built.mjs', '--types']).finally(() => clearTimeout(slow));
}

/** One process of this machine at a time does what this name stands for. The lock of a process that died expires. */
async function exclusively(name: string, work: () => Promise<void>): Promise<void> {
  const retries = { forever: true, minTimeout: 100, maxTimeout: 500 };
  const release = await lock(tmpdir(), { lockfilePath: join(tmpdir(), `${name}.lock`), retries, stale: 60_000 });
  try {
    await work();
  } finally {
    await release();
  }
}

/** Rejects with the output of a command that fails. */
async function run(command: string, args: string[]): Promise<void> {
  const child = spawn(command, args, {
    env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${output}`);
}

const announce = (line: string) => void stderr.write(`${line}\n`);

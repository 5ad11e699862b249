// Before the suite: what the machine lacks, and a build of what the tests run as processes.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { platform } from 'node:process';
import { missingPackages } from './e2e/programs';

export default function setup(): void {
  const missing = missingPackages();
  if (missing.length > 0) install(missing);
  run('node', ['scripts/ensure-built.mjs', '--types']);
}

function install(packages: string[]): void {
  const isDebianRoot = existsSync('/usr/bin/apt-get') && process.getuid?.() === 0;
  if (!isDebianRoot) throw new Error(`The tests need ${packages.join(' and ')}; please install (${platform}).`);
  run('apt-get', ['update', '-qq']);
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages]);
}

function run(command: string, args: string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, stdout, stderr } = spawnSync(command, args, { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}\n${stderr}`);
}

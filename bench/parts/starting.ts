// How long it takes from the command until the server answers: what a restart, or a host that slept, lets people wait.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { env, execPath } from 'node:process';
import { freePort } from '../../test/free-port';
import { median, ratio } from '../figures';
import { withDeadline } from '../load/lanes';
import type { Plan } from '../plan';
import { fixed, printTable, spread, verdict } from '../table';

interface Program {
  name: string;
  /** What Node is told, so that a server listens on this port. */
  args: (port: string) => string[];
  environment?: string;
  /** How many times as long as peer's own command it may take. */
  aim?: number;
}

const ours = (port: string) => [resolve('dist/server.mjs'), '--port', port];
const PEER: Program = {
  name: "peer's command",
  args: (port) => [resolve('node_modules/peer/dist/bin/peerjs.js'), '--port', port],
};
const NOTHING: Program = { name: 'Node alone', args: () => ['--eval', '0'] };
const PROGRAMS: Program[] = [
  { name: 'back-call', args: ours, aim: 1 },
  { name: 'in production', args: ours, environment: 'production', aim: 1 },
  PEER,
  NOTHING,
];

export async function starting({ startRounds, profiles }: Plan): Promise<void> {
  const measured = PROGRAMS.map((program) => ({ program, times: [] as number[] }));
  // Once unmeasured, as everywhere: the first time reads from the disk.
  for (const { program } of measured) await withDeadline(measure(program));
  for (let round = 0; round < startRounds; round += 1)
    for (const { program, times } of measured) times.push(await withDeadline(measure(program, profiles)));

  const base = measured.find(({ program }) => program === PEER)?.times ?? [];
  const rows = measured.map(({ program: { name, aim }, times }) => {
    const compared = ratio(times, base);
    return [
      name,
      fixed(median(times), 0, 'ms'),
      fixed(compared.median, 2),
      times === base ? '' : spread(compared),
      aim === undefined ? '' : verdict(compared.median, aim, 2),
    ];
  });
  const headings = ['', 'median', `÷ ${PEER.name}`, 'middle half', 'aim'];
  printTable(`(h) from the command to the first answer, ${startRounds} starts each`, headings, rows);
}

/** How long a program takes, in milliseconds: until it answers by HTTP if it is a server, until it ends if not. */
async function measure(program: Program, profiles?: string): Promise<number> {
  const profiling = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}/${program.name}`];
  const port = String(await freePort());
  const startedAt = performance.now();
  const child = spawn(execPath, [...profiling, ...program.args(port)], {
    // Elsewhere, so that nobody's .env is read.
    cwd: tmpdir(),
    env: { PATH: env.PATH, ...(program.environment && { NODE_ENV: program.environment }) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  if (program === NOTHING) await ended;
  else {
    // The first thing that each of the servers says is that it listens.
    await once(child.stdout, 'data');
    await (await fetch(`http://127.0.0.1:${port}/`)).text();
  }
  const took = performance.now() - startedAt;
  child.kill('SIGTERM');
  await ended;
  return took;
}

// The Dockerfile, without an engine: what its final stage copies and says is all there is, and it runs.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { env, getuid } from 'node:process';
import { expect, it, onTestFinished } from 'vitest';
import { freePort } from '../free-port';
import { before, Inbox } from '../helpers';
import { needBuild } from '../need';

await needBuild();

/** The user that everybody has and that owns nothing; only root can become it. */
const NOBODY = getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

const [, , finalStage = ''] = readFileSync('Dockerfile', 'utf8').split(/^FROM /m);

/** What follows an instruction of the final stage. */
function instruction(name: string): string {
  const [, rest] = new RegExp(`^${name} (.*)$`, 'm').exec(finalStage) ?? [];
  if (rest === undefined) throw new Error(`no ${name} in the final stage`);
  return rest;
}

it.each([
  { HTTPS: 'off' },
  { HTTPS: 'on' },
  { HOST: '127.0.0.1' },
  { HOST: '0.0.0.0', HTTPS: 'on' },
  // Docker sets it, too.
  { HOSTNAME: 'container' },
])(
  '[D17] the image serves as a user without rights, reports its health, and stops in peace, with %j',
  async (settings) => {
    const folder = mkdtempSync(join(tmpdir(), 'image-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    chmodSync(folder, 0o755);
    // The user `node` of the image owns its home directory.
    const home = join(folder, 'home');
    mkdirSync(home);
    if (getuid?.() === 0) chownSync(home, 65_534, 65_534);
    const [, source = '', target = ''] = instruction('COPY').split(' ');
    cpSync(basename(source), join(folder, target), { recursive: true });
    expect(instruction('USER')).toBe('node');

    const [name = '', value] = instruction('ENV').split('=');
    const environment = { PATH: env.PATH, [name]: value, PORT: String(await freePort()), HOME: home, ...settings };
    const run = (command: string) => {
      const [program = '', ...args] = JSON.parse(command) as string[];
      const child = spawn(program, args, { cwd: folder, env: environment, ...NOBODY });
      onTestFinished(() => void child.kill('SIGKILL'));
      const ended = once(child, 'exit').then(([code]) => code as number | null);
      return { child, ended: () => before(ended, () => `the end of ${command}`) };
    };

    const server = run(instruction('CMD'));
    const output = new Inbox<string>();
    const { stdout, stderr } = server.child;
    for (const stream of [stdout, stderr]) stream.on('data', (chunk: Buffer) => output.put(chunk.toString()));
    await output.next((text) => text.includes('listening'), 'the server listening');
    const check = instruction('HEALTHCHECK CMD');
    expect(await run(check).ended()).toBe(0);
    server.child.kill('SIGTERM');
    expect(await server.ended()).toBe(0);
    expect(await run(check).ended()).toBe(1);
  },
);

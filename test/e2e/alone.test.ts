// The build alone: without node_modules, without sources, wherever somebody has copied it.

import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execPath } from 'node:process';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { before } from '../helpers';
import { allHearAll, MEETING, Stage, type Caller } from './browser';
import { ServerProcess } from './server-process';

/** A folder that is gone when the test ends. */
function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'back-call-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** The build on its own: what Node would find above it is nothing. */
function copyOfBuild(): string {
  const folder = emptyFolder();
  cpSync('dist', folder, { recursive: true });
  for (let above = folder; above !== dirname(above); above = dirname(above))
    expect(existsSync(join(above, 'node_modules')), above).toBe(false);
  return join(folder, 'server.mjs');
}

/** The page of somebody who typed a name into the demo, joined, and speaks. */
async function enter(stage: Stage, origin: string, name: string): Promise<Caller> {
  const caller = await stage.visit(`${origin}/demo/?meeting=${MEETING}`, name);
  await caller.page.getByRole('textbox', { name: 'Your name' }).fill(name);
  await caller.page.keyboard.press('Enter');
  await caller.page.getByRole('heading', { name: new RegExp(`^${MEETING} `) }).waitFor();
  await caller.page.keyboard.press('m');
  return caller;
}

test('the build, copied elsewhere, brings two people together', async () => {
  const stage = await Stage.open();
  const command: [string, string] = [execPath, copyOfBuild()];
  const { server, port } = await ServerProcess.start({ PORT: '0', STUN_URLS: '' }, { command });
  const origin = `http://127.0.0.1:${port}`;
  const ada = await enter(stage, origin, 'Ada');
  const bob = await enter(stage, origin, 'Bob');
  await allHearAll([ada, bob]);
  expect((await server.end('SIGTERM')).code).toBe(0);
});

test('the build, copied elsewhere, makes its certificate, and answers by HTTPS', async () => {
  const state = emptyFolder();
  const command: [string, ...string[]] = [execPath, copyOfBuild(), '--https', '--state-dir', state, '--port', '0'];
  const { port } = await ServerProcess.start({}, { command });
  const ca = readFileSync(join(state, 'authority.pem'));
  const asking = new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: 'localhost', port, path: '/health', ca }, resolve).on('error', reject);
  });
  const answer = await before(asking, () => 'an answer by HTTPS');
  expect(answer.statusCode).toBe(200);
  expect(JSON.parse(await text(answer))).toMatchObject({ status: 'ok' });
});

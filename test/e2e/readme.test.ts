// The examples of the README, as they stand there, in pages that bring what it says they bring.

import { readFileSync } from 'node:fs';
import { build } from 'esbuild';
import { expect, test, vi } from 'vitest';
import { allHearAll, MEETING, roster, Stage, unmuteAll, type Caller } from './browser';
import { startCoturn } from './coturn';
import { Network } from './network';
import { join } from './sdk';
import { DEADLINE_MS } from '../helpers';
import { needBuild } from '../need';

await needBuild();

/** What a page brings to the example, and how it begins to speak. */
const OWN_CODE = `
  globalThis.microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
  globalThis.play = (peerId, stream) => {
    const audio = document.getElementById(peerId) ?? Object.assign(new Audio(), { autoplay: true, id: peerId });
    audio.srcObject = stream;
    document.body.append(audio);
  };
  globalThis.stop = (peerId) => document.getElementById(peerId)?.remove();
`;

async function exampleFor(server: string, edit = (example: string) => example): Promise<string> {
  const [, example = ''] = /```js\n(import Peer.*?)```/s.exec(readFileSync('README.md', 'utf8')) ?? [];
  expect(example).toContain("'http://localhost:5000'");
  const { outputFiles } = await build({
    stdin: { contents: edit(example.replace('http://localhost:5000', server)), resolveDir: process.cwd() },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}

/** A page of somebody who runs the example, and has heard from this many others. */
async function runExample(
  stage: Stage,
  server: string,
  userId: string,
  others: number,
  edit?: (example: string) => string,
): Promise<Caller> {
  const caller = await stage.visit(`${stage.origin}/empty`, userId);
  const self = JSON.stringify({ meetingId: MEETING, userId, username: userId });
  const ownCode = `Object.assign(globalThis, ${self}); ${OWN_CODE}`;
  await caller.page.addScriptTag({ type: 'module', content: `${ownCode}\n${await exampleFor(server, edit)}` });
  await plays(caller, others);
  return caller;
}

const plays = (caller: Caller, others: number) =>
  caller.page.waitForFunction((count) => document.querySelectorAll('audio').length === count, others);

test('the plain example of the README makes a call of three, in which one leaves', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await runExample(stage, url, 'alice', 0);
  const bob = await runExample(stage, url, 'bob', 1);
  const carol = await runExample(stage, url, 'carol', 2);
  await allHearAll([alice, bob, carol]);
  expect((await roster(url)).map(({ userId }) => userId)).toEqual(['alice', 'bob', 'carol']);

  await carol.page.close();
  await Promise.all([plays(alice, 1), plays(bob, 1)]);
});

test('the plain example of the README goes on after its network was lost, and can be rung again', async () => {
  const stage = await Stage.open();
  const { url, port } = await stage.serve();
  const network = await Network.to(port);
  const alice = await runExample(stage, url, 'alice', 0);
  const bob = await runExample(stage, network.url, 'bob', 1);
  await allHearAll([alice, bob]);

  await network.outage(300);
  const isBack = async () =>
    (await roster(url)).some(({ userId, peerOnline, reconnecting }) => userId === 'bob' && peerOnline && !reconnecting);
  await vi.waitUntil(isBack, { interval: 50, timeout: DEADLINE_MS });
  const carol = await runExample(stage, url, 'carol', 2);
  await allHearAll([alice, bob, carol]);
});

test('[R20] the plain example of the README gets TURN servers with its seat', async () => {
  const coturn = await startCoturn();
  const stage = await Stage.open();
  const { url } = await stage.serve({ turnRest: { urls: [coturn.url], secret: coturn.secret, ttlSeconds: 3600 } });
  const relayOnly = (example: string) => example.replace('config: {', "config: { iceTransportPolicy: 'relay',");
  const alice = await runExample(stage, url, 'alice', 0, relayOnly);
  const bob = await runExample(stage, url, 'bob', 1, relayOnly);
  await allHearAll([alice, bob]);
  expect(await bob.readings()).toMatchObject([{ path: ['relay', 'relay'] }]);
});

test('[C1] two pages of the plain example and two of the SDK hear each other', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await runExample(stage, url, 'alice', 0);
  const bob = await join(stage, url, 'bob');
  const carol = await runExample(stage, url, 'carol', 2);
  const dave = await join(stage, url, 'dave');
  await unmuteAll([bob, dave]);
  await allHearAll([alice, bob, carol, dave]);
  expect(await Promise.all([alice, bob, carol, dave].map((caller) => caller.connectionCount()))).toEqual([3, 3, 3, 3]);
});

test('the page of ten lines makes a call', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const [, page = ''] = /```html\n(.*?)```/s.exec(readFileSync('README.md', 'utf8')) ?? [];
  expect(page.split('http://localhost:5000')).toHaveLength(3);
  const open = async (userId: string) => {
    const caller = await stage.visit(`${stage.origin}/empty`, userId);
    await caller.page.setContent(page.replaceAll('http://localhost:5000', url));
    await caller.page.getByRole('button', { name: 'Unmute' }).click();
    await caller.page.getByRole('button', { name: 'Mute', exact: true }).waitFor();
    return caller;
  };
  const callers = [await open('alice'), await open('bob')];
  await allHearAll(callers);
  expect(await callers[0]?.page.locator('#names').textContent()).toBe('Ada');
});

test('the page of ten lines joins when it was loaded by plain HTTP from another host', async () => {
  const lan = 'lan.example';
  const stage = await Stage.open(`--host-resolver-rules=MAP ${lan} 127.0.0.1, MAP * 127.0.0.9, EXCLUDE 127.0.0.1`);
  const origin = stage.origin.replace('127.0.0.1', lan);
  const { port } = await stage.serve({ corsOrigins: [origin] });
  const [, page = ''] = /```html\n(.*?)```/s.exec(readFileSync('README.md', 'utf8')) ?? [];
  const caller = await stage.visit(`${origin}/empty`, 'alice');
  expect(await caller.page.evaluate(() => isSecureContext)).toBe(false);
  await caller.page.setContent(page.replaceAll('http://localhost:5000', `http://${lan}:${port}`));
  await caller.page.getByText('Nobody else is here yet.').waitFor();
});

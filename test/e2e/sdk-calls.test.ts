// Calls between pages of the SDK, and with pages of other kinds: everybody hears everybody, over one connection per pair.

import { expect, test } from 'vitest';
import { allHearAll, MEETING, roster, Stage, unmuteAll, type Caller } from './browser';
import { expectOneConnectionPerPair, join, joinAll } from './sdk';
import { needBuild } from '../need';

await needBuild();

test('[C1] three pages of the SDK hear each other, and see who is muted', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const all = await joinAll(stage, url, 'alice', 'bob', 'carol');
  await unmuteAll(all);
  await allHearAll(all);
  await expectOneConnectionPerPair(all);

  const [alice, ...others] = all;
  await Promise.all(others.map((other) => other.sees('alice', { isMuted: false, isSpeaking: true })));
  await alice?.mute();
  await Promise.all(others.map((other) => other.sees('alice', { isMuted: true, isSpeaking: false, audioLevel: 0 })));
  expect((await roster(url)).filter(({ isMuted }) => isMuted).map(({ userId }) => userId)).toEqual(['alice']);
});

test.each([
  { first: 'sdk', second: 'plain' },
  { first: 'plain', second: 'sdk' },
])('[C1] two pages of the SDK and two of the first version hear each other ($first first)', async ({ first }) => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const enter = {
    sdk: (name: string) => join(stage, url, name),
    plain: (name: string) => stage.enter(url, name),
  };
  const kinds =
    first === 'sdk' ? (['sdk', 'plain', 'plain', 'sdk'] as const) : (['plain', 'sdk', 'sdk', 'plain'] as const);
  const all: Caller[] = [];
  for (const [index, kind] of kinds.entries()) all.push(await enter[kind](`${kind}-${index}`));
  await unmuteAll(all);
  await allHearAll(all);
  await expectOneConnectionPerPair(all);
});

test('[C1] a frontend that calls although it is being called gets one connection all the same', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await stage.enter(url, 'alice', { callsNewcomers: true });
  const bob = await join(stage, url, 'bob');
  const carol = await stage.enter(url, 'carol', { callsNewcomers: true });
  await unmuteAll([alice, bob, carol]);
  await bob.hears(2);
  expect(await bob.connectionCount()).toBe(2);
});

test.each(['script', 'module'])('the %s that the server serves joins a call', async (kind) => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await join(stage, url, 'alice');
  await alice.unmute();

  const bob = await stage.visit(`${stage.origin}/empty`, 'bob');
  const options = JSON.stringify({ url, meetingId: MEETING, userId: 'bob' });
  const joining = `joinCall(${options}).then((call) => (globalThis.call = call));`;
  if (kind === 'module') {
    const content = `import { joinCall } from '${url}/client/back-call.mjs'; ${joining}`;
    await bob.page.addScriptTag({ type: 'module', content });
  } else {
    await bob.page.addScriptTag({ url: `${url}/client/back-call.js` });
    await bob.page.addScriptTag({ content: `BackCall.${joining}` });
  }
  await bob.hears(1);
  expect((await roster(url)).map(({ userId, username }) => [userId, username])).toContainEqual(['bob', 'Anonymous']);
});

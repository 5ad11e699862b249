// Calls between pages of the SDK, and with pages of other kinds: everybody hears everybody, over one connection per pair.

import { expect, test } from 'vitest';
import { allHearAll, roster, Stage, unmuteAll, type Caller } from './browser';
import { begin, join, joinAll } from './sdk';

async function expectOneConnectionPerPair(callers: readonly Caller[]): Promise<void> {
  const counts = await Promise.all(callers.map((caller) => caller.connectionCount()));
  expect(counts).toEqual(callers.map(() => callers.length - 1));
}

test('three pages of the SDK hear each other, and see who is muted', async () => {
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

test(
  'ten pages that join in the same moment make 45 connections, and hear each other',
  { timeout: 120_000 },
  async () => {
    const stage = await Stage.open();
    const { url } = await stage.serve();
    const names = Array.from({ length: 10 }, (_, index) => `user-${index}`);
    const all = await Promise.all(names.map((name) => begin(stage, url, name)));
    await Promise.all(all.map((caller) => caller.reaches('joined', 60_000)));
    await Promise.all(all.map((caller) => caller.meets(9, 60_000)));
    await unmuteAll(all);
    await allHearAll(all);
    await expectOneConnectionPerPair(all);
  },
);

test.each([
  { first: 'sdk', second: 'plain' },
  { first: 'plain', second: 'sdk' },
])('two pages of the SDK and two of the first version hear each other ($first first)', async ({ first }) => {
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

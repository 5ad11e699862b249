// Calls whose participants are on several nodes: they hear each other, also while nodes, or their Redis, go away.

import { expect, test, vi } from 'vitest';
import { allHearAll, enterOnce, roster, Stage, unmuteAll, type Caller } from './browser';
import { balance, nodeOf, openService } from './nodes';
import { expectOneConnectionPerPair, expectWhole, join, joinAll, SdkCaller } from './sdk';
import { DEADLINE_MS } from '../helpers';

test.each(['sdk sdk', 'sdk sdk sdk sdk', 'plain plain', 'plain sdk sdk plain'])(
  '[C1] pages on different nodes hear each other: %s',
  async (kinds) => {
    const stage = await Stage.open();
    const { nodes } = await openService(stage);
    const urls = nodes.map(({ url }) => url);
    const all: Caller[] = [];
    for (const [index, kind] of kinds.split(' ').entries()) {
      const url = urls[index % urls.length] ?? '';
      all.push(await (kind === 'sdk' ? join(stage, url, `sdk-${index}`) : stage.enter(url, `plain-${index}`)));
    }
    await unmuteAll(all);
    await expectWhole(urls, all);
    const [first, ...others] = all as [Caller, ...Caller[]];
    await first.mute();
    await Promise.all(others.map((other) => isTold(other, first, true)));
    for (const url of urls)
      expect((await roster(url)).filter(({ isMuted }) => isMuted)).toMatchObject([{ userId: first.userId }]);
    await first.unmute();
    await Promise.all(others.map((other) => isTold(other, first, false, 2)));
    await expectOneConnectionPerPair(all);
  },
);

test('[R6] a node dies in mid-call: its pages keep their seats, on other nodes', async () => {
  const stage = await Stage.open();
  const { nodes } = await openService(stage, { RECONNECT_GRACE_MS: '3000' });
  const bob = await join(stage, await balance(nodes), 'bob');
  const doomed = await nodeOf(nodes, 'bob');
  const living = nodes.filter((node) => node !== doomed);
  const [a, b] = living.map(({ url }) => url) as [string, string];
  const carol = await enterOnce(stage, await balance([doomed, ...living]), 'carol');
  expect(await nodeOf(nodes, 'carol')).toBe(doomed);
  // Dave knows no way to another node.
  const dave = await join(stage, doomed.url, 'dave');
  const erin = await join(stage, a, 'erin');
  const frank = await stage.enter(b, 'frank');
  const all = [bob, carol, erin, frank];
  await unmuteAll([...all, dave]);
  await expectWhole([a, b], [...all, dave]);

  await doomed.server.end('SIGKILL');
  await allHearAll([...all, dave]);
  // Whether they are back or not, they get to know it.
  await frank.mute();
  for (const returned of [bob, carol]) {
    await frank.told('call:peer-reconnected', { userId: returned.userId });
    await isTold(returned, frank, true);
    await returned.mute();
    await isTold(erin, returned, true);
  }
  await unmuteAll(all);

  // The seats of the others would be free at the same time.
  await frank.told('call:peer-left', { userId: 'dave', reason: 'lost' });
  await allHearAll(all);
  await Promise.all([bob.seesAllWell(3), erin.seesAllWell(3)]);
  for (const url of [a, b]) expect(await present(url)).toEqual(['bob', 'carol', 'erin', 'frank']);
  expect(await departures(all)).toEqual([1, 1, 1, 1]);
  expect(await carol.count('out', 'call:join')).toBe(1);
  // One with each of the others, dave among them.
  expect(await connections(all)).toEqual([4, 4, 4, 4]);
});

test('[D4] [R6] two nodes are replaced, one after the other: all stay in the call', async () => {
  const stage = await Stage.open();
  const { nodes, start } = await openService(stage);
  const urls = nodes.map(({ url }) => url);
  // The third one only watches.
  const pair = nodes.slice(0, 2);
  const url = await balance(pair);
  const [alice, bob] = (await joinAll(stage, url, 'alice', 'bob')) as [SdkCaller, SdkCaller];
  const carol = await enterOnce(stage, url, 'carol');
  const all = [alice, bob, carol];
  await unmuteAll(all);
  await expectWhole(urls, all);

  for (const node of pair) {
    const heard = allHearAll(all);
    expect((await node.server.end('SIGTERM')).code).toBe(0);
    await heard;
    const { url } = await start(node.port);
    await vi.waitUntil(async () => (await present(url)).length === all.length, { timeout: DEADLINE_MS, interval: 100 });
  }
  await Promise.all([alice.seesAllWell(2), bob.seesAllWell(2)]);
  await allHearAll(all);
  for (const url of urls) expect(await present(url)).toEqual(['alice', 'bob', 'carol']);
  expect(await departures(all)).toEqual([0, 0, 0]);
  expect(await carol.count('out', 'call:join')).toBe(1);
  await expectOneConnectionPerPair(all);
});

test('Redis is away for longer than a node is trusted: calls go on, and what was done meanwhile is told afterwards', async () => {
  const stage = await Stage.open();
  const { nodes, redis } = await openService(stage, { NODE_LEASE_MS: '1000' });
  const [a, b] = nodes;
  const alice = await join(stage, a.url, 'alice');
  const bob = await join(stage, a.url, 'bob');
  const carol = await join(stage, b.url, 'carol');
  const all = [alice, bob, carol];
  await unmuteAll(all);
  await expectWhole([a.url, b.url], all);

  await redis.stop();
  await Promise.all([a.server.said('Redis is away'), b.server.said('Redis is away')]);
  // They beep once a second, which is as long as a node is trusted.
  for (let beep = 0; beep < 3; beep++) await allHearAll(all);
  await alice.mute();
  await bob.sees('alice', { isMuted: true });
  await bob.mute();
  await alice.sees('bob', { isMuted: true });
  await bob.unmute();
  await carol.sees('alice', { isMuted: false });

  await redis.start();
  await carol.sees('alice', { isMuted: true });
  await alice.unmute();
  await expectWhole([a.url, b.url], all);
  expect(await departures(all)).toEqual([0, 0, 0]);
  await expectOneConnectionPerPair(all);
});

/** Settles when a page knows that somebody is muted or unmuted: shows it, or was told. */
async function isTold(caller: Caller, { userId }: Caller, isMuted: boolean, nth = 1): Promise<void> {
  if (caller instanceof SdkCaller) await caller.sees(userId, { isMuted });
  else await caller.happened('call:mute-status', { userId, isMuted }, nth);
}

/** Who is in the call, and connected, as a node tells it. */
const present = async (url: string) =>
  (await roster(url)).flatMap(({ userId, reconnecting }) => (reconnecting ? [] : [userId])).sort();

/** Of each page: how often it heard that somebody left. */
const departures = (callers: readonly Caller[]) =>
  Promise.all(
    callers.map((caller) => caller.count('in', caller instanceof SdkCaller ? 'participant-left' : 'call:peer-left')),
  );

/** Of each page: how many connections it made to others. */
const connections = (callers: readonly Caller[]) => Promise.all(callers.map((caller) => caller.connectionCount()));

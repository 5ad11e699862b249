// Networks that refuse, strip, swallow or cut WebSockets, between real pages and the server.

import { test } from 'vitest';
import { allHearAll, Stage, unmuteAll } from './browser';
import { Network, type WebSocketPolicy } from './network';
import { expectOneConnectionPerPair, expectWhole, join } from './sdk';

const POLICIES: WebSocketPolicy[] = [400, 403, 426, 502, 'strip', 'swallow', 'silence', 'cut'];

/** Two pages of the SDK, of which the second (or both) joins through a network with this policy. */
async function callThrough(policy: WebSocketPolicy, isBoth = false) {
  const stage = await Stage.open();
  const { url, port } = await stage.serve();
  const network = await Network.to(port);
  network.webSockets = policy;
  const alice = await join(stage, isBoth ? network.url : url, 'alice');
  const bob = await join(stage, network.url, 'bob');
  return { stage, url, network, alice, bob };
}

test.each(POLICIES)('[C11] WebSockets blocked for one page (%s): both pages hear each other', async (policy) => {
  const { alice, bob } = await callThrough(policy);
  await unmuteAll([alice, bob]);
  await allHearAll([alice, bob]);
  await expectOneConnectionPerPair([alice, bob]);
});

test.each<WebSocketPolicy>([403, 'swallow'])(
  '[C11] WebSockets blocked for both pages (%s), and later not: one connection per pair throughout',
  async (policy) => {
    const { url, network, alice, bob } = await callThrough(policy, true);
    await unmuteAll([alice, bob]);
    await allHearAll([alice, bob]);
    network.webSockets = undefined;
    // An attempt that the network swallowed holds the next one back for 20 s.
    for (const caller of [alice, bob]) await caller.shows('has the broker', ({ isBrokerOpen }) => isBrokerOpen, 60_000);
    await expectWhole(url, [alice, bob]);
    await expectOneConnectionPerPair([alice, bob]);
  },
);

test.each<WebSocketPolicy>([403, 'strip', 'swallow', 'silence'])(
  '[C11] WebSockets blocked during a call (%s): pages reconnect by polling, and later pages call them',
  async (policy) => {
    const stage = await Stage.open();
    const { url, port } = await stage.serve();
    const network = await Network.to(port);
    const all = [await join(stage, network.url, 'alice'), await join(stage, network.url, 'bob')];
    await unmuteAll(all);
    await expectWhole(url, all);
    network.webSockets = policy;
    network.cut();
    await Promise.all(all.map((caller) => caller.reaches('reconnecting')));
    network.restore();
    await Promise.all(all.map((caller) => caller.reaches('joined')));
    await Promise.all(all.map((caller) => caller.shows('polls', ({ signaling }) => signaling === 'polling')));
    all.push(await join(stage, network.url, 'carol'));
    await unmuteAll(all.slice(2));
    await allHearAll(all);
    await expectOneConnectionPerPair(all);
  },
);

test('[C11] ten pages, half of them behind a network without WebSockets, hear each other', async () => {
  const stage = await Stage.open();
  const { url, port } = await stage.serve();
  const network = await Network.to(port);
  network.webSockets = 403;
  const all = await Promise.all(
    Array.from({ length: 10 }, (_, index) => join(stage, index % 2 ? url : network.url, `user-${index}`)),
  );
  await Promise.all(all.map((caller) => caller.meets(9, 60_000)));
  await expectOneConnectionPerPair(all);
});

test('[C11] a page that joins behind a network without WebSockets is called by later participants', async () => {
  const { stage, url, alice, bob } = await callThrough(403);
  const all = [alice, bob, await join(stage, url, 'carol')];
  await unmuteAll(all);
  await allHearAll(all);
  await expectOneConnectionPerPair(all);
});

test('[C12] a page without the SDK cannot be reached without WebSockets: the app gets PEER_UNREACHABLE', async () => {
  const stage = await Stage.open();
  const { url, port } = await stage.serve();
  const network = await Network.to(port);
  network.webSockets = 403;
  await stage.enter(url, 'alice');
  const bob = await join(stage, network.url, 'bob');
  await bob.happened('error', { code: 'PEER_UNREACHABLE', userId: 'alice' });
});

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

// Who sleeps in a call of the SDK, and wakes up: laptops, and hosts.

import { test } from 'vitest';
import { Stage, unmuteAll } from './browser';
import { Network } from './network';
import { begin, expectWhole, join, type SdkCaller } from './sdk';

test('[C6] a laptop sleeps for longer than its seat is kept, and wakes up', async () => {
  const stage = await Stage.open();
  const laptop = await Stage.open();
  const { url } = await stage.serve({ reconnectGraceMs: 1000, corsOrigins: [stage.origin, laptop.origin] });
  const all = [await join(stage, url, 'alice'), await join(laptop, url, 'bob')];
  const [alice] = all as [SdkCaller];
  await unmuteAll(all);
  await expectWhole(url, all);

  const wake = await laptop.fallAsleep();
  await alice.shows('misses bob', ({ participants }) => participants.length === 0, 60_000);
  wake();
  await alice.sees('bob', { connection: 'connected' }, 40_000);
  await expectWhole(url, all);
});

test('[C6] a host that sleeps is waited for', async () => {
  const stage = await Stage.open();
  const { url, port } = await stage.serve();
  const network = await Network.to(port);
  const awake = network.fallAsleep();
  const alice = await join(stage, url, 'alice');
  const bob = await begin(stage, network.url, 'bob');
  await bob.reaches('connecting');
  awake();
  await bob.reaches('joined');
  await unmuteAll([alice, bob]);
  await expectWhole(url, [alice, bob]);
});

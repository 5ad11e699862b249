// Media that is blocked for longer than anybody likes to wait: a file of its own, so that others do not wait with it.

import { expect, onTestFinished, test } from 'vitest';
import { Stage, unmuteAll } from './browser';
import { startCoturn } from './coturn';
import { counts, expectWhole, join, type SdkCaller } from './sdk';

test('[C5] media is blocked, and when it passes again, connected anew, once', { timeout: 240_000 }, async () => {
  const coturn = await startCoturn();
  const stage = await Stage.open();
  const { url } = await stage.serve({ turnRest: { urls: [coturn.url], secret: coturn.secret, ttlSeconds: 3600 } });
  const rtcConfiguration = { iceTransportPolicy: 'relay' } as const;
  const all = [
    await join(stage, url, 'alice', { rtcConfiguration }),
    await join(stage, url, 'bob', { rtcConfiguration }),
  ];
  const [alice, bob] = all as [SdkCaller, SdkCaller];
  await unmuteAll(all);
  await expectWhole(url, all);
  expect(await alice.readings()).toMatchObject([{ path: ['relay', 'relay'] }]);

  coturn.halt();
  onTestFinished(() => coturn.resume());
  await alice.sees('bob', { connection: 'reconnecting' });
  await bob.sees('alice', { connection: 'reconnecting' });
  // It is tried again and again, and said so when that does not help.
  await bob.sees('alice', { connection: 'failed' }, 120_000);
  await bob.happened('error', { code: 'ICE_FAILED', userId: 'alice' });
  expect(await bob.connectionCount()).toBeGreaterThan(1);
  coturn.resume();
  await alice.meets(1, 60_000);
  await bob.meets(1, 60_000);
  await expectWhole(url, all);
  expect(await counts(all, 'participant-left')).toEqual([0, 0]);
});

// Calls whose participants are on several nodes: they hear each other, also while nodes, or their Redis, go away.

import { expect, test } from 'vitest';
import { roster, Stage, unmuteAll, type Caller } from './browser';
import { openService } from './nodes';
import { expectOneConnectionPerPair, expectWhole, join, SdkCaller } from './sdk';

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
    await Promise.all(others.map((other) => toldOf(other, first, true, 1)));
    for (const url of urls)
      expect((await roster(url)).filter(({ isMuted }) => isMuted)).toMatchObject([{ userId: first.userId }]);
    await first.unmute();
    await Promise.all(others.map((other) => toldOf(other, first, false, 2)));
    await expectOneConnectionPerPair(all);
  },
);

/** Settles when a page knows whether somebody is muted: is told, or shows it. */
async function toldOf(caller: Caller, { userId }: Caller, isMuted: boolean, nth: number): Promise<void> {
  if (caller instanceof SdkCaller) await caller.sees(userId, { isMuted });
  else await caller.happened('call:mute-status', { userId, isMuted }, nth);
}

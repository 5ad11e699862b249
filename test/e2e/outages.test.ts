// A page of the first version loses its network and gets it back. It never joins again, and nobody takes it for gone.

import { expect, onTestFinished, test, vi } from 'vitest';
import { allHearAll, roster, Stage, unmuteAll, type Caller } from './browser';
import { Network } from './network';

test.each([300, 5000])('a call survives that one of three loses the network for %i ms', async (lengthMs) => {
  const stage = await Stage.open();
  const { url, port } = await stage.serve();
  const network = await Network.to(port);
  const others = await stage.enterAll(url, 'alice', 'carol');
  const bob = await stage.enter(network.url, 'bob');
  const all = [...others, bob];
  await unmuteAll(all);
  await allHearAll(all);

  const outage = network.outage(lengthMs);
  await bob.happened('disconnect');
  await Promise.all(others.map((other) => other.told('call:peer-reconnecting', { userId: 'bob' })));
  // Audio goes from page to page, with or without the server.
  await allHearAll(all);
  const [alice] = others;
  await alice.mute();
  await outage;

  await expectReturn(bob, others);
  // What bob missed, he is told now.
  await bob.told('call:mute-status', { userId: 'alice', isMuted: true });
  expect(await roster(url)).toMatchObject([
    { userId: 'alice', isMuted: true, reconnecting: false },
    { userId: 'carol', isMuted: false, reconnecting: false },
    { userId: 'bob', isMuted: true, reconnecting: false },
  ]);
  await unmuteAll(all);
  await allHearAll(all);
  expect(await Promise.all(all.map((caller) => caller.connectionCount()))).toEqual([2, 2, 2]);
});

test('a call in which nothing was said for an hour survives it, too', async () => {
  const HOUR = 3_600_000;
  const now = Date.now;
  const clock = vi.spyOn(Date, 'now').mockImplementation(now);
  onTestFinished(() => clock.mockRestore());

  const stage = await Stage.open();
  const { port, url } = await stage.serve();
  const network = await Network.to(port);
  const alice = await stage.enter(url, 'alice');
  const bob = await stage.enter(network.url, 'bob');
  await unmuteAll([alice, bob]);
  await allHearAll([alice, bob]);

  // For the server, that is: nothing that it kept for those who return is kept any more.
  clock.mockImplementation(() => now() + HOUR);
  await network.outage(300);
  await expectReturn(bob, [alice]);
});

test('a call survives that somebody changes networks and is back before the server notices', async () => {
  const stage = await Stage.open();
  const { port, url } = await stage.serve();
  const network = await Network.to(port);
  const alice = await stage.enter(url, 'alice');
  const bob = await stage.enter(network.url, 'bob');
  await unmuteAll([alice, bob]);
  await allHearAll([alice, bob]);

  network.strand();
  await expectReturn(bob, [alice]);
});

/** The page is back in its seat: the others were told, never of a departure, and it can still speak for itself. */
async function expectReturn(caller: Caller, others: readonly Caller[]): Promise<void> {
  const { userId } = caller;
  await caller.happened('connect', { recovered: true });
  await Promise.all(others.map((other) => other.told('call:peer-reconnected', { userId })));
  await caller.mute();
  await Promise.all(others.map((other) => other.told('call:mute-status', { userId, isMuted: true })));

  expect(await caller.count('out', 'call:join')).toBe(1);
  for (const other of others) {
    expect(await other.count('in', 'call:peer-left'), other.userId).toBe(0);
  }
}

// Pages that go: the others hear of it at once, and who comes back is not there twice.

import { expect, test } from 'vitest';
import { allHearAll, load, roster, Stage, unmuteAll, type Caller } from './browser';

/** Far longer than a busy machine takes to report a closed page. */
const GRACE_MS = 60_000;

test('the others learn of closed tabs at once, not after the reconnect grace', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve({ reconnectGraceMs: GRACE_MS });
  const remaining: Caller[] = [...(await stage.enterAll(url, 'alice', 'bob', 'carol', 'dave'))];
  await unmuteAll(remaining);
  await allHearAll(remaining);

  for (const leaver of remaining.splice(2)) {
    const closedAt = Date.now();
    await leaver.page.close();
    for (const other of remaining) {
      const { at, payload } = await other.told('call:peer-left', { userId: leaver.userId });
      expect(payload.reason, `${leaver.userId} to ${other.userId}`).toBe('closed');
      expect(at - closedAt).toBeLessThan(GRACE_MS);
    }
  }
  expect(await roster(url)).toMatchObject([{ userId: 'alice' }, { userId: 'bob' }]);
  await allHearAll(remaining);
});

test('after a reload, everyone is in the call once, and hears everyone over one connection', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const [alice, bob] = await stage.enterAll(url, 'alice', 'bob');
  await unmuteAll([alice, bob]);
  await allHearAll([alice, bob]);

  const before = await alice.told('call:peer-joined', { userId: 'bob' });
  await load(bob.page, () => bob.page.reload());
  await bob.told('call:peers-list', { count: 1 });
  await bob.unmute();
  await allHearAll([alice, bob]);

  expect(await roster(url)).toMatchObject([
    { userId: 'alice', isMuted: false },
    { userId: 'bob', isMuted: false },
  ]);
  // Alice knows the new bob, and made one connection for each of the two.
  const joined = (await alice.log()).filter(({ event }) => event === 'call:peer-joined');
  expect(joined).toHaveLength(2);
  expect(joined[0]).toEqual(before);
  expect(await alice.connectionCount()).toBe(2);
  expect(await bob.connectionCount()).toBe(1);
});

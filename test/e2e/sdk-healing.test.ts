// What breaks in the middle of a call of the SDK, and heals without the app doing anything.

import { expect, test, vi } from 'vitest';
import { allHearAll, MEETING, roster, Stage, unmuteAll } from './browser';
import { Network } from './network';
import { begin, counts, expectWhole, join, joinAll, type SdkCaller } from './sdk';
import { ServerProcess } from './server-process';
import { freePort } from '../free-port';
import { DEADLINE_MS } from '../helpers';

const peerIds = (callers: readonly SdkCaller[]) =>
  Promise.all(callers.map(async (caller) => (await caller.snapshot()).self.peerId));

test('[C3] signaling lost and recovered: nobody leaves, nothing is negotiated again', async () => {
  const stage = await Stage.open();
  const { url, port } = await stage.serve();
  const network = await Network.to(port);
  const all = [await join(stage, url, 'alice'), await join(stage, network.url, 'bob')];
  const [alice, bob] = all as [SdkCaller, SdkCaller];
  await unmuteAll(all);
  await expectWhole(url, all);

  const outage = network.outage(1500);
  await bob.reaches('reconnecting');
  await alice.sees('bob', { isReconnecting: true });
  // Audio goes from page to page, with or without the server. Meanwhile alice mutes, which bob learns later.
  await allHearAll(all);
  await alice.mute();
  await outage;
  await bob.reaches('joined');
  await bob.sees('alice', { isMuted: true });
  await alice.unmute();
  await expectWhole(url, all);
  expect(await counts(all, 'participant-left')).toEqual([0, 0]);
  expect(await Promise.all(all.map((caller) => caller.connectionCount()))).toEqual([1, 1]);
  // Who comes now finds both.
  await expectNewcomerIsHeard(stage, url, all);
});

test('[C3] signaling lost for longer than the seat is kept: it is taken again, under the same peer id', async () => {
  const stage = await Stage.open();
  const { url, port } = await stage.serve({ reconnectGraceMs: 300 });
  const network = await Network.to(port);
  const all = [await join(stage, url, 'alice'), await join(stage, network.url, 'bob'), await join(stage, url, 'carol')];
  const [alice, bob] = all as [SdkCaller, SdkCaller];
  await unmuteAll(all);
  await expectWhole(url, all);
  const before = await peerIds(all);

  network.cut();
  const { payload } = await alice.happened<unknown[]>('participant-left');
  expect(payload).toMatchObject([{ userId: 'bob' }, 'lost']);
  network.restore();
  await alice.happened('participant-joined', { userId: 'bob' }, 2);
  await expectWhole(url, all);
  expect(await peerIds(all)).toEqual(before);
  expect(await counts([bob], 'participant-left')).toEqual([0]);
});

test('[C3] somebody changes networks, and is back before the server notices', async () => {
  const stage = await Stage.open();
  const { url, port } = await stage.serve();
  const network = await Network.to(port);
  const all = [await join(stage, url, 'alice'), await join(stage, network.url, 'bob')];
  await unmuteAll(all);
  await expectWhole(url, all);
  network.strand();
  await all[1]?.reaches('reconnecting');
  await expectWhole(url, all);
  expect(await counts(all, 'participant-left')).toEqual([0, 0]);
  expect(await Promise.all(all.map((caller) => caller.connectionCount()))).toEqual([1, 1]);
});

test('[C3] the server is killed and started again: all are back in the call, and audio goes on untouched', async () => {
  const stage = await Stage.open();
  const environment = { STUN_URLS: '', HOST: '127.0.0.1', CORS_ORIGIN: stage.origin };
  const { server, port } = await ServerProcess.start({ ...environment, PORT: String(await freePort()) });
  const url = `http://127.0.0.1:${port}`;
  const all = await joinAll(stage, url, 'alice', 'bob', 'carol');
  await unmuteAll(all);
  await expectWhole(url, all);
  const before = await peerIds(all);

  await server.end('SIGKILL');
  await Promise.all(all.map((caller) => caller.reaches('reconnecting')));
  await allHearAll(all);
  await ServerProcess.start({ ...environment, PORT: String(port) });
  await Promise.all(all.map((caller) => caller.reaches('joined')));
  await expectWhole(url, all);
  expect(await peerIds(all)).toEqual(before);
  expect(await Promise.all(all.map((caller) => caller.connectionCount()))).toEqual([2, 2, 2]);
  expect(await counts(all, 'participant-left')).toEqual([0, 0, 0]);
  expect(await counts(all, 'participant-joined')).toEqual([2, 2, 2]);
});

test('[C4] the broker is lost alone: the peer is back under its id, and can be called', async () => {
  const stage = await Stage.open();
  const { url, port } = await stage.serve();
  const network = await Network.to(port);
  const all = [await join(stage, url, 'alice'), await join(stage, network.url, 'bob')];
  const [, bob] = all as [SdkCaller, SdkCaller];
  await unmuteAll(all);
  await expectWhole(url, all);
  const before = await peerIds(all);

  network.cutThoseTo('/peerjs');
  await bob.shows('has lost the broker', ({ isBrokerOpen }) => !isBrokerOpen);
  expect((await bob.snapshot()).state).toBe('joined');
  await expectWhole(url, all);
  expect(await peerIds(all)).toEqual(before);
  expect(await Promise.all(all.map((caller) => caller.connectionCount()))).toEqual([1, 1]);
  await expectNewcomerIsHeard(stage, url, all);
});

test.each(['alice', 'bob'])('[C5] the transport of %s is closed under the call: connected anew, once', async (name) => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const all = await joinAll(stage, url, 'alice', 'bob', 'carol');
  await unmuteAll(all);
  await expectWhole(url, all);

  const broken = all.find(({ userId }) => userId === name);
  await broken?.page.evaluate(() => window.watch.breakAll());
  const others = all.filter((caller) => caller !== broken);
  await Promise.all(others.map((other) => other.happened('participant-joined')));
  await Promise.all(all.map((caller) => caller.meets(2)));
  await expectWhole(url, all);
  expect(await counts(all, 'participant-left')).toEqual([0, 0, 0]);
});

test('[C1] both sides dial at once, again and again: both keep the same connection', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const all = await joinAll(stage, url, 'alice', 'bob');
  await unmuteAll(all);
  await expectWhole(url, all);
  for (let round = 0; round < 5; round++) {
    await Promise.all(all.map(({ page }) => page.evaluate(() => window.sdk.call().redial())));
    const everyone = all.map(({ userId }) => userId);
    await Promise.all(
      all.map(({ page, userId }) =>
        page.evaluate(
          (other) => window.sdk.call().redial(other),
          everyone.find((name) => name !== userId),
        ),
      ),
    );
    await allHearAll(all);
  }
  await expectWhole(url, all);
});

test('[C7] a page that goes away leaves at once', async () => {
  const stage = await Stage.open();
  const reconnectGraceMs = 60_000;
  const { url } = await stage.serve({ reconnectGraceMs });
  const [alice, bob] = (await joinAll(stage, url, 'alice', 'bob')) as [SdkCaller, SdkCaller];
  const goneAt = Date.now();
  await bob.page.goto('about:blank');
  const { at, payload } = await alice.happened<unknown[]>('participant-left');
  expect(payload).toMatchObject([{ userId: 'bob' }, expect.stringMatching(/^(left|closed)$/)]);
  expect(at - goneAt).toBeLessThan(reconnectGraceMs);
});

test('[C7] who leaves while joining is not in the call, and meets nobody', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await join(stage, url, 'alice');
  for (const moment of ['joining', 'asked'] as const) {
    const bob = await begin(stage, url, 'bob');
    await bob.reaches('joined');
    // The same page begins another call, and ends it as soon as the server is reached, or as soon as it has been asked.
    await bob.page.evaluate(
      async ({ options, moment }) => {
        await window.sdk.call().leave();
        window.sdk.begin(options);
        const call = window.sdk.call();
        await new Promise<void>((resolve) => {
          call.on('state', (state) => {
            if (state !== 'joining') return;
            if (moment === 'joining') resolve(call.leave());
            else queueMicrotask(() => resolve(call.leave()));
          });
        });
      },
      { options: { url, meetingId: MEETING, userId: 'bob' }, moment },
    );
    expect((await bob.snapshot()).state).toBe('left');
    expect(await bob.count('in', 'participant-joined'), moment).toBe(1);
    await vi.waitUntil(async () => (await roster(url)).length === 1, { timeout: DEADLINE_MS });
    await bob.page.close();
  }
  await alice.shows('is alone', ({ participants }) => participants.length === 0);
});

test('[C7] somebody joins again from elsewhere: the first page is out and says why, the others go on', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const [alice, bob] = (await joinAll(stage, url, 'alice', 'bob')) as [SdkCaller, SdkCaller];
  await unmuteAll([alice, bob]);
  await expectWhole(url, [alice, bob]);

  const elsewhere = await join(stage, url, 'bob');
  await bob.reaches('left');
  expect((await bob.snapshot()).error).toMatchObject({ code: 'REPLACED' });
  expect(await bob.readings()).toEqual([]);
  await unmuteAll([elsewhere]);
  await expectWhole(url, [alice, elsewhere]);
  expect(await counts([alice], 'participant-left')).toEqual([0]);
});

async function expectNewcomerIsHeard(stage: Stage, url: string, callers: readonly SdkCaller[]): Promise<void> {
  const dave = await join(stage, url, 'dave');
  await dave.unmute();
  await expectWhole(url, [...callers, dave]);
}

// Calls between pages of the first version: everybody hears everybody, and nobody outside hears of it.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { before } from '../helpers';
import { allHearAll, ELSEWHERE, roster, Stage, unmuteAll, type Caller } from './browser';
import { NetLog } from './net-log';

test.each([
  { names: ['alice', 'bob'], pairs: 1 },
  { names: ['alice', 'bob', 'carol', 'dave'], pairs: 6 },
])(
  '$names.length people hear each other, over one connection per pair, and ask no other host for anything',
  async ({ names, pairs }) => {
    const netLog = new NetLog();
    const stage = await Stage.open(netLog.flag);
    const { url } = await stage.serve();

    const callers = await stage.enterAll(url, ...names);
    await Promise.all(callers.map((caller) => caller.hearsSilence(names.length - 1)));
    await unmuteAll(callers);
    await allHearAll(callers);
    await expectMuteStatusToTravel(url, callers);
    await expectOneConnectionPerPair(callers, pairs);

    const requested = callers.flatMap((caller) => caller.requested);
    expect(requested.filter((address) => address.startsWith('ws:')).length).toBe(2 * names.length);
    expect(new Set(requested.map((address) => new URL(address).host))).toEqual(
      new Set([new URL(url).host, new URL(stage.origin).host]),
    );
    await stage.close();
    const { hosts, addresses } = netLog.read();
    expect([...hosts]).toEqual(['127.0.0.1']);
    expect(addresses).toContain('127.0.0.1');
    expect([...addresses].filter((address) => !ownAddresses().includes(address))).toEqual([]);
  },
);

test('a server that is told of a STUN server elsewhere is seen to cause requests there', async () => {
  const stun = createSocket('udp4').bind(0, ELSEWHERE);
  onTestFinished(() => void stun.close());
  const asked = once(stun, 'message');
  await once(stun, 'listening');

  const netLog = new NetLog();
  const stage = await Stage.open(netLog.flag);
  const stunUrls = [`stun:stun.example:${stun.address().port}`];
  const { url } = await stage.serve({ stunUrls });
  await stage.enterAll(url, 'alice', 'bob');
  await before(asked, () => 'a STUN request');
  await stage.close();
  expect(netLog.read().addresses).toContain(ELSEWHERE);
});

test.each([
  { client: 'by default', transports: undefined },
  { client: 'that knows nothing else', transports: ['websocket'] },
])('a Socket.IO client $client ends up on websocket, with a PeerJS socket beside it', async ({ transports }) => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await stage.enter(url, 'alice', transports && { transports });
  await alice.page.waitForFunction(() => window.frontend.transport() === 'websocket');

  const paths = alice.requested.map((address) => new URL(address)).filter(({ protocol }) => protocol === 'ws:');
  expect(paths.map(({ pathname }) => pathname).sort()).toEqual(['/peerjs/peerjs', '/socket.io/']);
  const polls = alice.requested.filter((address) => address.includes('transport=polling'));
  expect(polls.length > 0).toBe(transports === undefined);
  // The broker has this very peer online: its socket stands, too.
  expect(await roster(url)).toMatchObject([{ userId: 'alice', peerOnline: true }]);
});

/** Whoever mutes, everybody is told, and whoever looks is told. */
async function expectMuteStatusToTravel(url: string, callers: readonly Caller[]): Promise<void> {
  const [first] = callers;
  if (!first) throw new Error('nobody is there');
  const { userId } = first;
  await Promise.all(callers.map((caller) => caller.told('call:mute-status', { userId, isMuted: false })));
  await first.mute();
  await Promise.all(callers.map((caller) => caller.told('call:mute-status', { userId, isMuted: true })));
  const muted = (await roster(url)).filter(({ isMuted }) => isMuted);
  expect(muted.map((user) => user.userId)).toEqual([userId]);
}

async function expectOneConnectionPerPair(callers: readonly Caller[], pairs: number): Promise<void> {
  const counts = await Promise.all(callers.map((caller) => caller.connectionCount()));
  const peers = await Promise.all(callers.map((caller) => caller.page.evaluate(() => window.frontend.peers())));
  expect(counts).toEqual(callers.map(() => callers.length - 1));
  expect(peers.map((others) => new Set(others).size)).toEqual(counts);
  // Each pair has two ends.
  expect(counts.reduce((sum, count) => sum + count)).toBe(2 * pairs);
}

const ownAddresses = () =>
  Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.map(({ address }) => address));

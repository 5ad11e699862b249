// Attacks on connection state recovery: overflowing the packet log of a call, and requesting one session many times.

import { io } from 'socket.io-client';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  before,
  Client,
  connect,
  cut,
  DEADLINE_MS,
  fence,
  joinAs,
  participant,
  self,
  startServer,
  taken,
  type CallSocket,
  type Participant,
} from '../helpers';
import { startNodes } from '../nodes';
import { RedisServer } from '../redis-server';

/** Reconnects a client whose connection was cut. */
async function reconnect({ socket }: Participant): Promise<void> {
  const isConnected = new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  socket.connect();
  await before(isConnected, () => 'a reconnection');
}

interface Known {
  peerId: string;
  isMuted: boolean;
  isVideoOn: boolean;
}

/** The roster of the others that a page has after the events that it received. */
function rosterOf(client: Participant): Record<string, Known> {
  const { participants } = client.joined;
  const roster = new Map<string, Known>(
    participants.map(({ userId, peerId, isMuted, isVideoOn }) => [userId, { peerId, isMuted, isVideoOn }]),
  );
  for (const [event, payload] of client.inbox.everything()) {
    const { userId, peerId, ...status } = payload as { userId: string } & Known;
    const known = roster.get(userId);
    if (event === 'call:peer-joined') roster.set(userId, { peerId, isMuted: true, isVideoOn: false });
    if (event === 'call:peer-left') expect(roster.delete(userId), `departure of ${userId}`).toBe(true);
    if (event === 'call:mute-status' && known) roster.set(userId, { ...known, isMuted: status.isMuted });
    if (event === 'call:video-status' && known) roster.set(userId, { ...known, isVideoOn: status.isVideoOn });
  }
  return Object.fromEntries(roster);
}

/** A call of three, and what the server knows of the others of `away`. */
async function callWithAbsentee() {
  const { url } = await startServer();
  const [mallory, guest] = [await participant(url, { userId: 'mallory' }), await participant(url, { userId: 'guest' })];
  const away = await participant(url, { userId: 'away' }, { reconnection: false });
  await mallory.next('call:peer-joined');
  await mallory.next('call:peer-joined');
  cut(away);
  await mallory.next('call:peer-reconnecting');
  return { url, mallory, guest, away };
}

async function expectSameRoster(away: Participant, witness: Participant): Promise<void> {
  await fence(witness, away);
  const { [away.userId]: _, ...others } = rosterOf(witness);
  const { [witness.userId]: witnessed, ...known } = rosterOf(away);
  expect(known).toEqual(others);
  expect(witnessed).toBeDefined();
}

describe('[R14] a client that was disconnected', () => {
  it('has not missed a join and a departure among a thousand status events', async () => {
    const { url, mallory, guest, away } = await callWithAbsentee();
    taken(await guest.ask('call:leave', self(guest)));
    await participant(url, { userId: 'late' });
    for (let times = 0; times < 250; times += 1)
      await Promise.all(
        (['call:unmute', 'call:video-on', 'call:mute', 'call:video-off'] as const).map((event) =>
          mallory.ask(event, self(mallory)),
        ),
      );
    await reconnect(away);
    expect(away.socket.recovered).toBe(true);
    await expectSameRoster(away, mallory);
    expect(away.rest('call:peer-left')).toMatchObject([['call:peer-left', { userId: 'guest' }]]);
    expect(away.rest('call:peer-joined')).toMatchObject([['call:peer-joined', { userId: 'late' }]]);
    expect(away.rest('call:mute-status')).toMatchObject([['call:mute-status', { userId: 'mallory', isMuted: true }]]);
    expect(away.rest('call:peers-list')).toEqual([]);
  });

  it('receives the difference after joins and departures of many users with long names', async () => {
    const { url, mallory, guest, away } = await callWithAbsentee();
    const visitor = await connect(url);
    for (let times = 0; times < 400; times += 1) {
      const userId = `${times}-${'\uffee'.repeat(120)}`;
      const visit = await joinAs(visitor, { userId, peerId: `visitor-${times}`, username: '\uffee'.repeat(64) });
      taken(await visit.ask('call:leave', self(visit)));
    }
    taken(await guest.ask('call:leave', self(guest)));
    await participant(url, { userId: 'late' });
    taken(await mallory.ask('call:unmute', self(mallory)));
    await reconnect(away);
    expect(away.socket.recovered).toBe(true);
    await expectSameRoster(away, mallory);
    expect(away.rest('call:peer-left')).toMatchObject([['call:peer-left', { userId: 'guest', reason: 'left' }]]);
    expect(away.rest('call:peer-joined')).toMatchObject([['call:peer-joined', { userId: 'late' }]]);

    // A second loss continues after the difference.
    cut(away);
    await mallory.next('call:peer-reconnecting');
    taken(await mallory.ask('call:mute', self(mallory)));
    await reconnect(away);
    expect(away.socket.recovered).toBe(true);
    await expectSameRoster(away, mallory);
    expect(away.rest('call:peer-left', 'call:peer-joined')).toHaveLength(2);
  });
});

/** Requests recovery of the session of `lost` on so many connections at once, in turn from the given addresses. */
function requestRecovery(lost: Participant, count: number, addresses: string[]): Client[] {
  const { _pid: pid, _lastOffset: offset } = lost.socket as unknown as { _pid: string; _lastOffset: string };
  return Array.from({ length: count }, (_, index) => {
    const address = addresses[index % addresses.length] ?? '';
    const options = { transports: ['websocket'], forceNew: true, reconnection: false, autoConnect: false };
    const socket: CallSocket = io(address, options);
    // What Socket.IO's client stores when it connects.
    Object.assign(socket, { _pid: pid, _lastOffset: offset });
    socket.connect();
    onTestFinished(() => void socket.disconnect());
    return new Client(socket);
  });
}

/** Waits until one connection has the session, and checks that a signal reaches that connection only. */
async function expectOneHolder(clients: Client[], sender: Participant): Promise<void> {
  const settled = new Set<Client>();
  for (const client of clients) {
    client.socket.on('connect', () => settled.add(client));
    client.socket.io.on('close', () => settled.add(client));
  }
  const holders = () => clients.filter(({ socket }) => socket.connected && socket.recovered);
  await vi.waitUntil(() => settled.size === clients.length && holders().length === 1, { timeout: DEADLINE_MS });
  const parties = { meetingId: 'meeting', fromUserId: sender.userId, toUserId: 'bob' };
  taken(await sender.ask('call:signal', { ...parties, signal: { sdp: 'v=0' }, signalType: 'offer' }));
  await holders()[0]?.next('call:signal');
  expect(clients.filter(({ inbox }) => inbox.everything().some(([event]) => event === 'call:signal'))).toHaveLength(1);
  expect(sender.rest('call:peer-left')).toEqual([]);
}

describe('[R15] one session', () => {
  it.each([{ namespace: '' }, { namespace: '/call' }])(
    'is recovered by one of 50 connections: %j',
    async ({ namespace }) => {
      const { url } = await startServer();
      const ada = await participant(url, { userId: 'ada' });
      const bob = await participant(url, { userId: 'bob' }, { namespace, reconnection: false });
      cut(bob);
      await ada.next('call:peer-reconnecting');
      await expectOneHolder(requestRecovery(bob, 50, [`${url}/`, `${url}/call`]), ada);
    },
  );

  it('is recovered by one of 50 connections while its own connection is alive', async () => {
    const { url } = await startServer();
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' }, { reconnection: false });
    await expectOneHolder(requestRecovery(bob, 50, [url]), ada);
    expect(bob.socket.connected).toBe(false);
  });

  it('is recovered by one of 50 connections to two nodes', async () => {
    const [one, other] = await startNodes(await RedisServer.forTest(), 2);
    const ada = await participant(one.url, { userId: 'ada' });
    const bob = await participant(other.url, { userId: 'bob' }, { reconnection: false });
    cut(bob);
    await ada.next('call:peer-reconnecting');
    await expectOneHolder(requestRecovery(bob, 50, [one.url, other.url, `${one.url}/call`]), ada);
  });
});

// Byte limits between clients: a slow reader stays connected, and who sends too much is refused.

import { describe, expect, it } from 'vitest';
import { ByteAllowance } from '../../src/transport/byte-allowance';
import type { ClientToServerEvents } from '../../src/protocol';
import { connected, offer, participant, peer, refused, self, startServer, taken, type Participant } from '../helpers';
import type { WebSocket } from 'ws';

const SIGNAL_BYTES = 60_000;

const signal = (from: Participant, to: Participant): Parameters<ClientToServerEvents['call:signal']>[0] => ({
  meetingId: from.meetingId,
  fromUserId: from.userId,
  fromPeerId: from.peerId,
  toUserId: to.userId,
  toPeerId: to.peerId,
  signal: { sdp: 'x'.repeat(SIGNAL_BYTES) },
  signalType: 'offer',
});

/** The WebSocket under a Socket.IO client of Node.js. */
const wireOf = ({ socket }: Participant) => (socket.io.engine.transport as unknown as { ws: WebSocket }).ws;

describe('[P8] the bytes that one client sends to another', () => {
  it('do not disconnect a participant that reads slowly; the sender gets RATE_LIMITED', async () => {
    const { url } = await startServer();
    const victim = await participant(url, { userId: 'victim' });
    const mallory = await participant(url, { userId: 'mallory' });
    const accomplice = await participant(url, { userId: 'accomplice' });
    wireOf(victim).pause();
    const answers = [];
    for (let sent = 0; sent < 200; sent += 1)
      for (const sender of [mallory, accomplice]) answers.push(await sender.ask('call:signal', signal(sender, victim)));
    const refusals = answers.filter(({ success }) => !success);
    expect(refusals.length).toBeGreaterThan(300);
    expect(new Set(refusals.map(refused))).toEqual(new Set(['RATE_LIMITED']));
    expect(refusals[0]).toMatchObject({ retryAfterMs: expect.any(Number) as number });
    taken(await mallory.ask('call:unmute', self(mallory)));
    wireOf(victim).resume();
    expect(await victim.next('call:mute-status')).toMatchObject({ userId: 'mallory', isMuted: false });
    taken(await victim.ask('call:unmute', self(victim)));
    expect(victim.socket.connected).toBe(true);
  });

  it('[R14] do not cost a reconnecting participant its recovery', async () => {
    const { url } = await startServer();
    const victim = await participant(url, { userId: 'victim' });
    const mallory = await participant(url, { userId: 'mallory' });
    wireOf(victim).terminate();
    await mallory.next('call:peer-reconnecting');
    const answers = [];
    for (let sent = 0; sent < 20; sent += 1) {
      const small = { ...signal(mallory, victim), signal: { sdp: 'x'.repeat(12_000) } };
      answers.push(await mallory.ask('call:signal', small));
    }
    expect(answers.filter(({ success }) => !success).map(refused)).toContain('RATE_LIMITED');
    if (!victim.socket.connected) await connected(victim);
    expect(victim.socket.recovered).toBe(true);
    await victim.next('call:signal');
  });

  it('do not refuse the offers of 30 participants to one', async () => {
    const { url } = await startServer({ maxParticipants: 31 });
    const newcomer = await participant(url, { userId: 'newcomer' });
    const others = await Promise.all(
      Array.from({ length: 30 }, (_, index) => participant(url, { userId: `user${index}` })),
    );
    await Promise.all(others.map(async (from) => taken(await from.ask('call:signal', signal(from, newcomer)))));
    for (const to of others) taken(await newcomer.ask('call:signal', signal(newcomer, to)));
  });

  it('do not disconnect a peer that reads slowly; the sender gets EXPIRE', async () => {
    const { url } = await startServer();
    const victim = await peer(url, 'victim');
    const mallory = await peer(url, 'mallory');
    victim.ws.pause();
    for (let sent = 0; sent < 40; sent += 1) mallory.send(offer('victim', 'x'.repeat(SIGNAL_BYTES)));
    expect((await mallory.next('EXPIRE')).src).toBe('victim');
    victim.ws.resume();
    await victim.next('OFFER');
    mallory.send(offer('mallory', 'fence'));
    await mallory.next('OFFER');
    victim.send(offer('victim', 'fence'));
    await victim.inbox.next(({ payload }) => payload === 'fence', 'the fence');
    expect(victim.inbox.everything().filter(({ src }) => src === 'mallory').length).toBeLessThan(10);
  });

  it('are regained with time, and are reserved for each sender', () => {
    let now = 0;
    const allowance = new ByteAllowance(() => now);
    const spend = (from: string) => {
      let bytes = 0;
      while (allowance.take(from, 'victim', SIGNAL_BYTES) === 0) bytes += SIGNAL_BYTES;
      return bytes;
    };
    for (let sender = 0; sender < 15; sender += 1) spend(`mallory${sender}`);
    expect(spend('ada')).toBe(SIGNAL_BYTES);
    expect(allowance.take('ada', 'victim', SIGNAL_BYTES)).toBeGreaterThan(0);
    now += 3_600_000;
    expect(spend('ada')).toBeGreaterThan(SIGNAL_BYTES);
  });
});

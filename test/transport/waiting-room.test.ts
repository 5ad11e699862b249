// Fair shares of the frames that wait for absent PeerJS peers.

import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { WaitingRoom } from '../../src/transport/waiting-room';
import { offer, peer, startServer } from '../helpers';

const FRAME = 60_000;

/** Admits frames of `size` bytes until the room refuses, and returns how many bytes it admitted. */
function fill(room: WaitingRoom, network: string, size = FRAME, to?: string): number {
  const connection = {};
  for (let frames = 0; ; frames += 1)
    if (!room.admit({ connection, network, to: to ?? randomUUID() }, size)) return frames * size;
}

describe('[P9] frames that wait for absent peers', () => {
  it.each([40, 400])('of %d connections leave room for another one, behind one NAT or not', (count) => {
    for (const network of ['192.0.2.1', '198.51.100.1']) {
      const room = new WaitingRoom();
      for (let sender = 0; sender < count; sender += 1) fill(room, '192.0.2.1');
      expect(fill(room, network)).toBeGreaterThanOrEqual(FRAME);
    }
  });

  it('of many networks leave room for another one', () => {
    const room = new WaitingRoom();
    for (let sender = 0; sender < 400; sender += 1) fill(room, `192.0.2.${sender}`);
    expect(fill(room, '198.51.100.1')).toBeGreaterThanOrEqual(FRAME);
  });

  it('leave room for another sender to the same peer', () => {
    const room = new WaitingRoom();
    for (let sender = 0; sender < 40; sender += 1) fill(room, '192.0.2.1', FRAME, 'absent');
    expect(fill(room, '192.0.2.1', FRAME, 'absent')).toBeGreaterThanOrEqual(FRAME);
  });

  it('are bounded in total, also if they are small', () => {
    const room = new WaitingRoom();
    let bytes = 0;
    for (let sender = 0; sender < 3000; sender += 1) bytes += fill(room, `192.0.2.${sender}`, 5000);
    expect(bytes).toBeLessThanOrEqual(96 * 1024 * 1024);
  });

  it('release their room', () => {
    const room = new WaitingRoom();
    const connection = {};
    for (let times = 0; times < 1000; times += 1) {
      const release = room.admit({ connection, network: '192.0.2.1', to: 'absent' }, FRAME);
      expect(release).toBeDefined();
      release?.();
    }
  });

  it('of an innocent client are delivered while 40 connections keep the queue full', async () => {
    const { url } = await startServer();
    const attackers = await Promise.all(Array.from({ length: 40 }, (_, index) => peer(url, `mallory${index}`)));
    for (const [index, attacker] of attackers.entries()) {
      for (let frames = 0; frames < 10; frames += 1) attacker.send(offer(`absent${frames}`, 'x'.repeat(FRAME)));
      attacker.send(offer(`mallory${index}`, 'fence'));
      await attacker.next('OFFER');
    }
    const ada = await peer(url, 'ada');
    ada.send(offer('bob', 'x'.repeat(FRAME)));
    ada.send(offer('ada', 'fence'));
    await ada.next('OFFER');
    expect(ada.inbox.rest()).toEqual([]);
    const bob = await peer(url, 'bob');
    expect((await bob.next('OFFER')).src).toBe('ada');
  });
});

// What every memory of the broker's connections owes, and every way of frames to them.

import { describe, expect, it } from 'vitest';
import type { Backplane } from '../../src/index';
import { hashToken } from '../../src/peer-proof';
import { Inbox } from '../helpers';

let lastConnection = 0;

const connection = (peerId: string, token = `token of ${peerId}`) => ({
  peerId,
  tokenHash: hashToken(token),
  network: 'home',
  connection: String((lastConnection += 1)),
});

function newcomer(node: string, userId: string, peerId: string) {
  const address = `${node}/#${userId}`;
  const media = { isMuted: true, isVideoOn: false };
  return {
    meetingId: 'meeting',
    userId,
    username: userId,
    peerId,
    address,
    ticket: userId,
    joinedAt: 1,
    request: 1,
    ...media,
  };
}

export function describePeers(name: string, create: () => Promise<Backplane> | Backplane): void {
  describe(`PeerPresence: ${name}`, () => {
    it('[P7] knows who is online', async () => {
      const { peers } = await create();
      expect(await peers.arrive(connection('ada'))).toEqual([]);
      const bob = connection('bob');
      expect(await peers.arrive(bob)).toEqual([]);
      await peers.depart(bob);
      const ada = { tokenHash: hashToken('token of ada'), network: 'home', isOnline: true };
      expect(await peers.registration('ada')).toEqual(ada);
      for (const absent of ['bob', 'eve']) expect(await peers.registration(absent)).toBeUndefined();
      expect(await peers.list()).toEqual(['ada']);
      expect(await peers.count()).toEqual({ online: 1, inCalls: 0 });
    });

    it('[P6] gives an id to its own peer, and to nobody else while that is online', async () => {
      const { peers } = await create();
      const old = connection('ada');
      await peers.arrive(old);
      expect(await peers.arrive(connection('ada', 'guessed'))).toBeUndefined();
      const back = connection('ada');
      expect(await peers.arrive(back)).toEqual([]);
      await peers.depart(old);
      expect(await peers.registration('ada')).toMatchObject({ isOnline: true });
      await peers.depart(back);
      expect(await peers.arrive(connection('ada', 'another'))).toEqual([]);
    });

    it('[R8] keeps an id for its peer while a participant claims it', async () => {
      const { peers, rooms, node } = await create();
      const ada = newcomer(node, 'ada', 'hers');
      const wire = connection('hers');
      await peers.arrive(wire);
      await rooms.seat(ada, 2);
      expect(await peers.count()).toEqual({ online: 1, inCalls: 1 });
      await peers.depart(wire);
      expect(await peers.arrive(connection('hers', 'guessed'))).toBeUndefined();
      await rooms.seat({ ...ada, peerId: 'new' }, 2);
      expect(await peers.arrive(connection('hers', 'another'))).toEqual([]);
      const unowned = connection('new');
      expect(await peers.arrive(unowned)).toEqual([]);
      await peers.depart(unowned);
      await rooms.release(ada, 'left');
      expect(await peers.arrive(connection('new', 'another'))).toEqual([]);
    });

    it('[P7] tells the calls whose participants come and go', async () => {
      const { peers, rooms, node } = await create();
      const heard = new Inbox<string>();
      rooms.listen(({ kind, seat }) => heard.put(`${kind} ${String(seat.peerOnline)}`));
      const wire = connection('hers');
      await rooms.seat(newcomer(node, 'ada', 'hers'), 2);
      await peers.arrive(wire);
      await peers.arrive({ ...wire, connection: 'another' });
      await peers.depart(wire);
      await peers.depart({ ...wire, connection: 'another' });
      await rooms.seat(newcomer(node, 'bob', 'his'), 2);
      for (const line of ['seated false', 'peer true', 'peer false', 'seated false'])
        expect(await heard.next()).toBe(line);
    });
  });

  describe(`PeerFrames: ${name}`, () => {
    it('[P1] brings frames to who is here, in order', async () => {
      const { peers, frames } = await create();
      const heard = new Inbox<string>();
      frames.listen((to, frame) => heard.put(`${to} ${frame}`));
      await peers.arrive(connection('ada'));
      expect(await Promise.all(['1', '2', '3'].map((frame) => frames.send('ada', frame)))).toEqual([true, true, true]);
      expect([await heard.next(), await heard.next(), await heard.next()]).toEqual(['ada 1', 'ada 2', 'ada 3']);
    });

    it('[P1] keeps frames for who comes a moment later, once and in order', async () => {
      const { peers, frames } = await create();
      const sent = ['1', '2', '3'].map((frame) => frames.send('ada', frame));
      expect(await peers.arrive(connection('ada'))).toEqual(['1', '2', '3']);
      expect(await peers.arrive(connection('ada'))).toEqual([]);
      expect(await Promise.all(sent)).toEqual([true, true, true]);
    });

    it('[P1] says who did not come, and brings nothing any more when that one comes at last', async () => {
      const { peers, frames } = await create();
      expect(await Promise.all([frames.send('ada', '1'), frames.send('ada', '2')])).toEqual([false, false]);
      expect(await peers.arrive(connection('ada'))).toEqual([]);
    });
  });
}

// What every room store owes, whatever it is made of. The numbers are those of docs/rules.md.

import { describe, expect, it } from 'vitest';
import type { RoomStore, Seat } from '../../src/rooms';

let lastUser = 0;

function newcomer(seat: Partial<Seat> = {}): Seat {
  const userId = seat.userId ?? `user-${(lastUser += 1)}`;
  return {
    meetingId: 'meeting',
    userId,
    username: userId,
    peerId: `peer-of-${userId}`,
    address: `/#${userId}`,
    isMuted: true,
    isVideoOn: false,
    joinedAt: 1,
    ...seat,
  };
}

const userIds = (seats: Seat[]) => seats.map(({ userId }) => userId).sort();

/** Runs the contract over the stores that `create` makes, each of them empty. */
export function describeRoomStore(name: string, create: () => Promise<RoomStore> | RoomStore): void {
  const seated = async (store: RoomStore, seat: Partial<Seat> = {}) => {
    const wanted = newcomer(seat);
    expect((await store.seat(wanted, 100)).outcome).toBe('seated');
    return wanted;
  };

  describe(`RoomStore: ${name}`, () => {
    it('[S1] gives a free seat, and who was there', async () => {
      const store = await create();
      const ada = await seated(store, { userId: 'ada' });
      await seated(store, { userId: 'elsewhere', meetingId: 'other' });
      const seating = await store.seat(newcomer({ userId: 'bob' }), 2);
      expect(seating).toMatchObject({ outcome: 'seated', others: [ada], seat: { userId: 'bob', isMuted: true } });
      expect(seating).toMatchObject({ replaced: undefined });
      expect(await store.find('meeting', 'ada')).toEqual(ada);
      expect(await store.find('meeting', 'nobody')).toBeUndefined();
    });

    it('[S1] of any two who come at once, gives exactly one the other', async () => {
      const store = await create();
      const seatings = await Promise.all(Array.from({ length: 10 }, () => store.seat(newcomer(), 10)));
      const known = seatings.map((seating) => ('others' in seating ? seating.others.length : -1));
      expect(known.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    });

    it('[S2] seats exactly as many as there are seats', async () => {
      const store = await create();
      const seatings = await Promise.all(Array.from({ length: 20 }, () => store.seat(newcomer(), 3)));
      expect(seatings.filter(({ outcome }) => outcome === 'seated')).toHaveLength(3);
      expect(seatings.filter(({ outcome }) => outcome === 'full')).toHaveLength(17);
      expect(await store.roster('meeting')).toHaveLength(3);
    });

    it('[S3] gives a member of a full call the seat again', async () => {
      const store = await create();
      const first = await seated(store, { userId: 'ada', isMuted: false });
      const bob = await seated(store, { userId: 'bob' });
      const again = newcomer({ userId: 'ada', peerId: 'new', address: '/#new' });
      expect(await store.seat(again, 2)).toEqual({ outcome: 'seated', seat: again, others: [bob], replaced: first });
      expect(await store.count()).toEqual({ calls: 1, participants: 2 });
      expect(await store.claims(first.peerId)).toEqual([]);
      expect(await store.claims('new')).toEqual([again]);
    });

    it('[S3] leaves the seat as it is when the same connection asks for the same', async () => {
      const store = await create();
      const ada = await seated(store, { userId: 'ada' });
      await store.setMedia(ada, { isMuted: false });
      const seating = await store.seat({ ...ada, joinedAt: 99 }, 1);
      expect(seating).toMatchObject({ outcome: 'unchanged', others: [], seat: { isMuted: false, joinedAt: 1 } });
    });

    it('[S4] refuses a peer id that another user claims, in whichever call', async () => {
      const store = await create();
      const ada = await seated(store, { userId: 'ada', peerId: 'shared' });
      const thief = newcomer({ userId: 'eve', peerId: 'shared' });
      expect(await store.seat(thief, 10)).toEqual({ outcome: 'peer-id-taken' });
      expect(await store.seat({ ...thief, meetingId: 'other' }, 10)).toEqual({ outcome: 'peer-id-taken' });
      expect(userIds(await store.claims('shared'))).toEqual(['ada']);
      await store.release(ada);
      expect((await store.seat(thief, 10)).outcome).toBe('seated');
    });

    it('[S4] lets a user take the own peer id along, to another call or under another name', async () => {
      const store = await create();
      await seated(store, { userId: 'ada', peerId: 'hers' });
      await seated(store, { userId: 'ada', peerId: 'hers', meetingId: 'other', address: '/#phone' });
      expect(await store.claims('hers')).toHaveLength(2);
      const bob = await seated(store, { userId: 'bob', peerId: 'his' });
      await seated(store, { userId: 'robert', peerId: 'his', address: bob.address });
      expect(userIds(await store.claims('his'))).toEqual(['bob', 'robert']);
    });

    it('[S1] does not count the seat that the same connection is about to leave', async () => {
      const store = await create();
      const ada = await seated(store, { userId: 'ada' });
      const renamed = newcomer({ userId: 'ada lovelace', address: ada.address });
      expect(await store.seat(renamed, 1)).toMatchObject({ outcome: 'seated', others: [] });
      expect(await store.release(ada)).toEqual(ada);
      expect(await store.roster('meeting')).toEqual([renamed]);
    });

    it('[S4] who was refused claims nothing', async () => {
      const store = await create();
      await seated(store, { userId: 'ada' });
      expect((await store.seat(newcomer({ userId: 'bob', peerId: 'bobs' }), 1)).outcome).toBe('full');
      expect(await store.claims('bobs')).toEqual([]);
      expect(await store.find('meeting', 'bob')).toBeUndefined();
    });

    it('[S5] does nothing for a connection that does not hold the seat', async () => {
      const store = await create();
      const ada = await seated(store, { userId: 'ada' });
      const stranger = { ...ada, address: '/#stranger' };
      expect(await store.release(stranger)).toBeUndefined();
      expect(await store.setMedia(stranger, { isMuted: false })).toBeUndefined();
      expect(await store.hold(stranger, 5)).toBeUndefined();
      expect(await store.resume(stranger)).toBeUndefined();
      expect(await store.release({ ...ada, meetingId: 'other' })).toBeUndefined();
      expect(await store.roster('meeting')).toEqual([ada]);
    });

    it('[S5] frees a seat once', async () => {
      const store = await create();
      const ada = await seated(store);
      const freed = await Promise.all([store.release(ada), store.release(ada), store.release(ada)]);
      expect(freed.filter(Boolean)).toEqual([ada]);
    });

    it('[S6] says whether media changed', async () => {
      const store = await create();
      const ada = await seated(store);
      expect(await store.setMedia(ada, { isMuted: true })).toMatchObject({ changed: false });
      expect(await store.setMedia(ada, { isMuted: false })).toMatchObject({ changed: true, seat: { isMuted: false } });
      expect(await store.setMedia(ada, { isVideoOn: true })).toMatchObject({ changed: true });
      expect(await store.find('meeting', ada.userId)).toEqual({ ...ada, isMuted: false, isVideoOn: true });
      expect(await store.claims(ada.peerId)).toEqual([{ ...ada, isMuted: false, isVideoOn: true }]);
    });

    it('[S7] keeps a held seat until its time, and frees it once', async () => {
      const store = await create();
      const ada = await seated(store, { userId: 'ada' });
      const bob = await seated(store, { userId: 'bob' });
      const held = { ...ada, heldUntil: 1000 };
      expect(await store.hold(ada, 1000)).toEqual(held);
      expect(await store.roster('meeting')).toHaveLength(2);
      expect((await store.seat(newcomer({ userId: 'third' }), 2)).outcome).toBe('full');
      expect(await store.expire('meeting', 999)).toEqual([]);
      expect(await store.expire('other', 1000)).toEqual([]);
      const freed = await Promise.all([store.expire('meeting', 1000), store.expire('meeting', 1000)]);
      expect(freed.flat()).toEqual([held]);
      expect(await store.roster('meeting')).toEqual([bob]);
      expect(await store.claims(ada.peerId)).toEqual([]);
    });

    it('[S7] a resumed seat does not run out', async () => {
      const store = await create();
      const ada = await seated(store, { userId: 'ada' });
      await store.hold(ada, 1000);
      expect(await store.resume(ada)).toEqual(ada);
      expect(await store.resume(ada)).toEqual(ada);
      expect(await store.expire('meeting', 2000)).toEqual([]);
    });

    it('[S7] a seat that was taken over while held does not run out', async () => {
      const store = await create();
      const ada = await seated(store, { userId: 'ada' });
      await store.hold(ada, 1000);
      await seated(store, { userId: 'ada', peerId: 'new', address: '/#new' });
      expect(await store.expire('meeting', 2000)).toEqual([]);
      expect(await store.resume(ada)).toBeUndefined();
    });

    it('[S8] counts what is in the rosters', async () => {
      const store = await create();
      const seats = await Promise.all(['a', 'a', 'b', 'b', 'b', 'c'].map((meetingId) => seated(store, { meetingId })));
      expect(await store.count()).toEqual({ calls: 3, participants: 6 });
      await Promise.all(seats.slice(0, 3).map((seat) => store.release(seat)));
      expect(await store.count()).toEqual({ calls: 2, participants: 3 });
      expect(await store.roster('a')).toEqual([]);
    });
  });
}

// What every room store owes, whatever it is made of. The numbers are those of docs/rules.md.

import { describe, expect, it } from 'vitest';
import type { Backplane } from '../../src/index';
import type { Change, Newcomer, RoomStore, Seat } from '../../src/rooms';

let lastUser = 0;
let lastRequest = 0;

function makeNewcomer(node: string, seat: Partial<Newcomer>): Newcomer {
  const userId = seat.userId ?? `user-${(lastUser += 1)}`;
  const address = seat.address ?? `${node}/#${userId}`;
  return {
    meetingId: 'meeting',
    userId,
    username: userId,
    peerId: `peer-of-${userId}`,
    proof: { network: 'home' },
    address,
    ticket: `ticket of ${address}`,
    isMuted: true,
    isVideoOn: false,
    joinedAt: 1,
    request: (lastRequest += 1),
    ...seat,
  };
}

const userIds = (seats: Seat[]) => seats.map(({ userId }) => userId).sort();

/** What a listener was told, short. */
const told = (changes: Change[]) => changes.map(({ kind, seat: { userId } }) => `${kind} ${userId}`);

/** Runs the contract over the stores of backplanes that `create` makes, each of them empty. */
export function describeRoomStore(name: string, create: () => Promise<Backplane> | Backplane): void {
  let here = '';
  const newcomer = (seat: Partial<Newcomer> = {}) => makeNewcomer(here, seat);
  const open = async (): Promise<RoomStore & { changes: Change[] }> => {
    const { rooms, node } = await create();
    here = node;
    const changes: Change[] = [];
    rooms.listen((change) => changes.push(change));
    return Object.assign(rooms, { changes });
  };
  const seated = async (store: RoomStore, seat: Partial<Newcomer> = {}): Promise<Seat> => {
    const seating = await store.seat(newcomer(seat), 100);
    if (seating.outcome !== 'seated') throw new Error(seating.outcome);
    return seating.seat;
  };

  describe(`RoomStore: ${name}`, () => {
    it('[S1] gives a free seat, and who was there', async () => {
      const store = await open();
      const ada = await seated(store, { userId: 'ada' });
      await seated(store, { userId: 'elsewhere', meetingId: 'other' });
      const seating = await store.seat(newcomer({ userId: 'bob' }), 2);
      expect(seating).toMatchObject({ outcome: 'seated', others: [ada], seat: { userId: 'bob', isMuted: true } });
      expect(seating).toMatchObject({ replaced: undefined });
      expect(store.find('meeting', 'ada')).toEqual(ada);
      expect(store.find('meeting', 'nobody')).toBeUndefined();
    });

    it('[S1] of any two who come at once, gives exactly one the other', async () => {
      const store = await open();
      const seatings = await Promise.all(Array.from({ length: 10 }, () => store.seat(newcomer(), 10)));
      const known = seatings.map((seating) => ('others' in seating ? seating.others.length : -1));
      expect(known.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    });

    it('[S2] seats exactly as many as there are seats', async () => {
      const store = await open();
      const seatings = await Promise.all(Array.from({ length: 20 }, () => store.seat(newcomer(), 3)));
      expect(seatings.filter(({ outcome }) => outcome === 'seated')).toHaveLength(3);
      expect(seatings.filter(({ outcome }) => outcome === 'full')).toHaveLength(17);
      expect(await store.roster('meeting')).toHaveLength(3);
    });

    it('[S3] gives a member of a full call the seat again', async () => {
      const store = await open();
      const first = await seated(store, { userId: 'ada', isMuted: false });
      const bob = await seated(store, { userId: 'bob' });
      const again = newcomer({ userId: 'ada', peerId: 'new', address: `${here}/#new` });
      const { request: _, ...wanted } = again;
      const seat = expect.objectContaining({ ...wanted, peerOnline: false }) as Seat;
      expect(await store.seat(again, 2)).toEqual({ outcome: 'seated', seat, others: [bob], replaced: first });
      expect(await store.count()).toEqual({ calls: 1, participants: 2 });
      expect(await store.claims(first.peerId)).toEqual([]);
      expect(await store.claims('new')).toEqual([seat]);
    });

    it('[S3] leaves the seat as it is when the same connection asks for the same', async () => {
      const store = await open();
      const ada = await seated(store, { userId: 'ada' });
      await store.setMedia(ada, { isMuted: false });
      const seating = await store.seat({ ...ada, joinedAt: 99, request: 99 }, 1);
      expect(seating).toMatchObject({ outcome: 'unchanged', others: [], seat: { isMuted: false, joinedAt: 1 } });
    });

    it('[S4] refuses a peer id that another user claims, in whichever call', async () => {
      const store = await open();
      const ada = await seated(store, { userId: 'ada', peerId: 'shared' });
      const thief = newcomer({ userId: 'eve', peerId: 'shared' });
      expect(await store.seat(thief, 10)).toEqual({ outcome: 'peer-id-taken' });
      expect(await store.seat({ ...thief, meetingId: 'other' }, 10)).toEqual({ outcome: 'peer-id-taken' });
      expect(userIds(await store.claims('shared'))).toEqual(['ada']);
      await store.release(ada, 'left');
      expect((await store.seat(thief, 10)).outcome).toBe('seated');
    });

    it('[S4] lets a user take the own peer id along, to another call or under another name', async () => {
      const store = await open();
      await seated(store, { userId: 'ada', peerId: 'hers' });
      await seated(store, { userId: 'ada', peerId: 'hers', meetingId: 'other', address: `${here}/#phone` });
      expect(await store.claims('hers')).toHaveLength(2);
      const bob = await seated(store, { userId: 'bob', peerId: 'his' });
      await seated(store, { userId: 'robert', peerId: 'his', address: bob.address });
      expect(userIds(await store.claims('his'))).toEqual(['bob', 'robert']);
    });

    it('[S1] does not count the seat that the same connection is about to leave', async () => {
      const store = await open();
      const ada = await seated(store, { userId: 'ada' });
      const renamed = newcomer({ userId: 'ada lovelace', address: ada.address });
      expect(await store.seat(renamed, 1)).toMatchObject({ outcome: 'seated', others: [] });
      expect(await store.release(ada, 'left')).toEqual(ada);
      const { request: _, ...wanted } = renamed;
      expect(await store.roster('meeting')).toMatchObject([{ ...wanted, peerOnline: false }]);
    });

    it('[S4] who was refused claims nothing', async () => {
      const store = await open();
      await seated(store, { userId: 'ada' });
      expect((await store.seat(newcomer({ userId: 'bob', peerId: 'bobs' }), 1)).outcome).toBe('full');
      expect(await store.claims('bobs')).toEqual([]);
      expect(store.find('meeting', 'bob')).toBeUndefined();
    });

    it('[S5] does nothing for a connection that does not hold the seat', async () => {
      const store = await open();
      const ada = await seated(store, { userId: 'ada' });
      const stranger = { ...ada, address: `${here}/#stranger` };
      expect(await store.release(stranger, 'left')).toBeUndefined();
      expect(await store.setMedia(stranger, { isMuted: false })).toBeUndefined();
      expect(await store.hold(stranger, 5)).toBeUndefined();
      expect(await store.resume(stranger, 'home')).toBeUndefined();
      expect(await store.release({ ...ada, meetingId: 'other' }, 'left')).toBeUndefined();
      expect(await store.roster('meeting')).toEqual([ada]);
    });

    it('[S5] frees a seat once', async () => {
      const store = await open();
      const ada = await seated(store);
      const freed = await Promise.all([
        store.release(ada, 'left'),
        store.release(ada, 'left'),
        store.release(ada, 'left'),
      ]);
      expect(freed.filter(Boolean)).toEqual([ada]);
    });

    it('[S6] says whether media changed', async () => {
      const store = await open();
      const ada = await seated(store);
      expect(await store.setMedia(ada, { isMuted: true })).toMatchObject({ changed: false });
      expect(await store.setMedia(ada, { isMuted: false })).toMatchObject({ changed: true, seat: { isMuted: false } });
      expect(await store.setMedia(ada, { isVideoOn: true })).toMatchObject({ changed: true });
      expect(store.find('meeting', ada.userId)).toEqual({ ...ada, isMuted: false, isVideoOn: true });
      expect(await store.claims(ada.peerId)).toEqual([{ ...ada, isMuted: false, isVideoOn: true }]);
    });

    it('[R17] says whether a name changed', async () => {
      const store = await open();
      const ada = await seated(store, { username: 'Ada' });
      expect(await store.rename(ada, 'Ada')).toMatchObject({ changed: false });
      expect(await store.rename(ada, 'Countess')).toMatchObject({ changed: true, seat: { username: 'Countess' } });
      expect(await store.rename({ ...ada, address: `${here}/#other` }, 'x')).toBeUndefined();
      expect(store.find('meeting', ada.userId)).toEqual({ ...ada, username: 'Countess' });
      expect(told(store.changes)).toEqual([`seated ${ada.userId}`, `renamed ${ada.userId}`]);
    });

    it('[S7] keeps a held seat until its time, and frees it once', async () => {
      const store = await open();
      const ada = await seated(store, { userId: 'ada' });
      const bob = await seated(store, { userId: 'bob' });
      const held = { ...ada, heldUntil: 1000 };
      expect(await store.hold(ada, 1000)).toEqual(held);
      expect(await store.roster('meeting')).toHaveLength(2);
      expect((await store.seat(newcomer({ userId: 'third' }), 2)).outcome).toBe('full');
      expect(await store.expire(999)).toEqual([]);
      const freed = await Promise.all([store.expire(1000), store.expire(1000)]);
      expect(freed.flat()).toEqual([held]);
      expect(await store.roster('meeting')).toEqual([bob]);
      expect(await store.claims(ada.peerId)).toEqual([]);
    });

    it('[S7] a resumed seat does not run out', async () => {
      const store = await open();
      const ada = await seated(store, { userId: 'ada' });
      await store.hold(ada, 1000);
      expect(await store.resume(ada, 'home')).toEqual(ada);
      expect(await store.resume(ada, 'home')).toEqual(ada);
      expect(await store.expire(2000)).toEqual([]);
    });

    it('[S7] a seat that was taken over while held does not run out', async () => {
      const store = await open();
      const ada = await seated(store, { userId: 'ada' });
      await store.hold(ada, 1000);
      await seated(store, { userId: 'ada', peerId: 'new', address: `${here}/#new` });
      expect(await store.expire(2000)).toEqual([]);
      expect(await store.resume(ada, 'home')).toBeUndefined();
    });

    it('[S8] counts what is in the rosters', async () => {
      const store = await open();
      const seats = await Promise.all(['a', 'a', 'b', 'b', 'b', 'c'].map((meetingId) => seated(store, { meetingId })));
      expect(await store.count()).toEqual({ calls: 3, participants: 6 });
      await Promise.all(seats.slice(0, 3).map((seat) => store.release(seat, 'left')));
      expect(await store.count()).toEqual({ calls: 2, participants: 3 });
      expect(await store.roster('a')).toEqual([]);
    });

    it('[S9] tells, in its order and before it is done, what happens in the calls of this node', async () => {
      const store = await open();
      const ada = await seated(store, { userId: 'ada' });
      const bob = await seated(store, { userId: 'bob' });
      expect(store.changes.at(-1)).toMatchObject({ kind: 'seated', seat: bob, others: [ada], request: lastRequest });
      await store.seat({ ...bob, request: 99 }, 100);
      await store.setMedia(ada, { isMuted: false });
      await store.setMedia(ada, { isMuted: false });
      await store.hold(ada, 1000);
      await store.hold(bob, 1000);
      await store.resume(ada, 'home');
      await store.resume(ada, 'home');
      await store.expire(1000);
      await store.release(ada, 'closed');
      await store.release(ada, 'left');
      const expected = [
        'seated ada',
        'seated bob',
        'confirmed bob',
        'media ada',
        'held ada',
        'held bob',
        'resumed ada',
      ];
      expect(told(store.changes)).toEqual([...expected, 'freed bob', 'freed ada']);
      expect(store.changes.slice(-2)).toMatchObject([{ reason: 'lost' }, { reason: 'closed' }]);
    });

    it('[S9] of what many ask at once, tells in one order of which each change follows from the one before', async () => {
      const store = await open();
      const ada = await seated(store, { userId: 'ada' });
      await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          store.setMedia(ada, { isMuted: index % 2 === 0, isVideoOn: index > 9 }),
        ),
      );
      const seats = store.changes.filter(({ kind }) => kind === 'media').map(({ seat }) => seat);
      expect(seats.at(-1)).toEqual(store.find('meeting', 'ada'));
      seats.reduce((before, seat) => {
        expect([seat.isMuted, seat.isVideoOn]).not.toEqual([before.isMuted, before.isVideoOn]);
        return seat;
      }, ada);
    });

    it('[S10] knows whose a ticket is, and brings the seat to another connection', async () => {
      const store = await open();
      const ada = await seated(store, { userId: 'ada', ticket: 'hers' });
      await seated(store, { userId: 'bob' });
      expect(await store.holder('hers')).toEqual(ada);
      expect(await store.holder('nobodys')).toBeUndefined();
      const address = `${here}/#elsewhere`;
      const moved = { ...ada, address, heldUntil: 1000 };
      expect(await store.move(ada, address, 1000)).toMatchObject({ seat: moved, others: [{ userId: 'bob' }] });
      expect(store.changes.at(-1)).toMatchObject({
        kind: 'held',
        seat: moved,
        before: ada,
        others: [{ userId: 'bob' }],
      });
      expect(await store.holder('hers')).toEqual(moved);
      // What it asked for on the connection before, comes too late.
      expect(await store.seat({ ...ada, meetingId: 'other', request: 99 }, 10)).toEqual({ outcome: 'gone' });
      expect(await store.move(ada, `${here}/#third`, 1000)).toBeUndefined();
      expect(await store.resume(ada, 'home')).toBeUndefined();
      expect(await store.resume(moved, 'home')).toEqual({ ...ada, address });
      await store.release({ ...ada, address }, 'left');
      expect(await store.holder('hers')).toBeUndefined();
    });
  });
}

// Signaling over real sockets: the rules R1 to R13 of docs/rules.md.

import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { PacketType, type Packet } from 'socket.io-parser';
import { describe, expect, it } from 'vitest';
import { createMemoryBackplane } from '../../src/backplane/memory';
import type { Backplane, RoomStore } from '../../src/index';
import {
  connect,
  connected,
  cut,
  fence,
  get,
  joinAs,
  participant,
  peer,
  refused,
  self,
  startServer,
  taken,
  type Client,
  type Participant,
} from '../helpers';

const SDP = { type: 'offer', sdp: 'v=0' };

function signal(from: Participant, to: Participant, changes: object = {}) {
  return {
    meetingId: from.meetingId,
    fromUserId: from.userId,
    toUserId: to.userId,
    fromPeerId: from.peerId,
    toPeerId: to.peerId,
    signal: SDP,
    signalType: 'offer' as const,
    ...changes,
  };
}

/** A memory backplane each of whose room operations waits for `gate` before it begins. */
function slowBackplane(gate: () => Promise<unknown>): Backplane {
  const backplane = createMemoryBackplane();
  const rooms = new Proxy(backplane.rooms, {
    get(store, name: keyof RoomStore) {
      if (name === 'version') return store.version;
      if (name === 'listen' || name === 'find' || name === 'seatsOf') return store[name].bind(store);
      return async (...args: unknown[]) => {
        await gate();
        const result: unknown = await (store[name] as (...args: unknown[]) => Promise<unknown>).apply(store, args);
        await gate();
        return result;
      };
    },
  });
  return { ...backplane, rooms };
}

/** Some turns of the event loop, now more, now fewer: lets whatever can overtake, overtake. */
async function jitter(): Promise<void> {
  for (let turns = Math.floor(Math.random() * 5); turns > 0; turns -= 1) await new Promise(setImmediate);
}

describe('joining', () => {
  it('[R1] [R2] seats the newcomer muted, gives it the others and tells them', async () => {
    const { url } = await startServer({ stunUrls: ['stun:s:1'] });
    const ada = await participant(url, { userId: 'ada' });
    expect(ada.joined).toMatchObject({
      meetingId: 'meeting',
      self: { userId: 'ada', isMuted: true, isVideoOn: false, reconnecting: false },
      participants: [],
      iceServers: [{ urls: 'stun:s:1' }],
    });

    const bob = await connect(url);
    const request = { meetingId: 'meeting', userId: 'bob', peerId: 'peer-bob', username: 'Bob' };
    const { participants } = taken(await bob.ask('call:join', request));
    const list = await bob.next('call:peers-list');
    expect(list).toEqual({ meetingId: 'meeting', participants, count: 1 });
    expect(participants).toEqual([
      {
        userId: 'ada',
        peerId: 'peer-ada',
        username: 'ada',
        isMuted: true,
        isVideoOn: false,
        joinedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
        peerOnline: false,
        reconnecting: false,
      },
    ]);
    expect(await ada.next('call:peer-joined')).toEqual({
      userId: 'bob',
      peerId: 'peer-bob',
      username: 'Bob',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
    });
    expect(bob.rest('call:peer-joined')).toEqual([]);
  });

  it('[R2] of ten who join at once, of any two exactly one is given the other and the other is told', async () => {
    const { url } = await startServer({ backplane: slowBackplane(jitter) });
    const ids = Array.from({ length: 10 }, (_, index) => `user-${index}`);
    const clients = await Promise.all(ids.map(() => connect(url)));
    const all = await Promise.all(clients.map((client, index) => joinAs(client, { userId: ids[index] ?? '' })));
    for (const one of all) {
      const given = one.joined.participants.map(({ userId }) => userId);
      const told: string[] = [];
      while (given.length + told.length < 9) told.push((await one.next('call:peer-joined')).userId);
      expect([...given, ...told].sort()).toEqual(ids.filter((id) => id !== one.userId));
    }
    const pairs = all.flatMap(({ joined }) => joined.participants);
    expect(pairs).toHaveLength(45);
    expect(all.flatMap((one) => one.rest('call:peer-joined'))).toEqual([]);
  });

  it('takes a missing username for Anonymous', async () => {
    const { url } = await startServer();
    const ada = await connect(url);
    const { self: me } = taken(await ada.ask('call:join', { meetingId: 'm', userId: 'ada', peerId: 'p' }));
    expect(me.username).toBe('Anonymous');
  });

  it('[R2] shares a call between the namespaces / and /call', async () => {
    const { url } = await startServer();
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' }, { namespace: '/call' });
    expect(bob.joined.participants).toHaveLength(1);
    expect((await ada.next('call:peer-joined')).userId).toBe('bob');
    taken(await ada.ask('call:signal', signal(ada, bob)));
    expect((await bob.next('call:signal')).fromUserId).toBe('ada');
    taken(await bob.ask('call:signal', signal(bob, ada)));
    expect((await ada.next('call:signal')).fromUserId).toBe('bob');
  });

  it('[R4] seats exactly three of twenty on three seats, with a slow store too', async () => {
    const { url } = await startServer({ maxParticipants: 3, backplane: slowBackplane(jitter) });
    const clients = await Promise.all(Array.from({ length: 20 }, () => connect(url)));
    const answers = await Promise.all(
      clients.map((client, index) =>
        client.ask('call:join', { meetingId: 'm', userId: `u${index}`, peerId: `p${index}` }),
      ),
    );
    expect(answers.filter(({ success }) => success)).toHaveLength(3);
    expect(answers.filter((answer) => !answer.success).map(refused)).toEqual(Array(17).fill('ROOM_FULL'));
    expect((await get(`${url}/api/call/room/m`)).body).toMatchObject({ data: { participants: 3 } });
  });

  it('[R4] [R5] lets a member of a full call take the seat over', async () => {
    const { url } = await startServer({ maxParticipants: 2 });
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' });
    await ada.next('call:peer-joined');

    const tab = await participant(url, { userId: 'ada', peerId: 'second-tab' });
    expect(tab.joined.participants.map(({ userId }) => userId)).toEqual(['bob']);
    expect((await ada.next('call:error')).code).toBe('REPLACED');
    expect(await bob.next('call:peer-joined')).toMatchObject({ userId: 'ada', peerId: 'second-tab' });

    expect(refused(await ada.ask('call:unmute', self(ada)))).toBe('NOT_IN_CALL');
    ada.socket.disconnect();
    await fence(tab, bob);
    expect(bob.rest('call:peer-left', 'call:peer-reconnecting', 'call:mute-status')).toEqual([]);
    taken(await bob.ask('call:unmute', self(bob)));
    expect((await tab.next('call:mute-status')).userId).toBe('bob');
    expect(ada.rest('call:mute-status')).toEqual([]);
  });

  it('[R5] answers the same request of the same connection again, and tells nobody', async () => {
    const { url } = await startServer();
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' });
    taken(await bob.ask('call:unmute', self(bob)));
    const again = await joinAs(bob, { userId: 'bob' });
    expect(again.joined).toMatchObject({ self: { isMuted: false }, participants: [{ userId: 'ada' }] });
    await ada.next('call:peer-joined');
    await fence(bob, ada);
    expect(ada.rest('call:peer-joined', 'call:peer-left')).toEqual([]);
  });

  it('[R7] leaves the first call for the second', async () => {
    const { url } = await startServer();
    const ada = await participant(url, { userId: 'ada', meetingId: 'first' });
    const bob = await participant(url, { userId: 'bob', meetingId: 'first' });
    const moved = await joinAs(bob, { userId: 'bob', meetingId: 'second' });
    expect(await ada.next('call:peer-left')).toMatchObject({ userId: 'bob', reason: 'moved' });
    expect(refused(await moved.ask('call:mute', { meetingId: 'first', userId: 'bob' }))).toBe('FORBIDDEN');
    taken(await ada.ask('call:unmute', self(ada)));
    await ada.next('call:mute-status');
    expect(moved.rest('call:mute-status')).toEqual([]);
  });

  it('[R7] lets a connection go on in the same call as another user', async () => {
    const { url } = await startServer({ maxParticipants: 2 });
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' });
    await ada.next('call:peer-joined');
    const robert = await joinAs(bob, { userId: 'robert', peerId: 'peer-bob' });
    expect(robert.joined.participants.map(({ userId }) => userId)).toEqual(['ada']);
    expect(await ada.next('call:peer-joined')).toMatchObject({ userId: 'robert', peerId: 'peer-bob' });
    expect(await ada.next('call:peer-left')).toMatchObject({ userId: 'bob', reason: 'moved' });
    await fence(ada, robert);
  });

  it('[R7] stays in the first call if the second is full', async () => {
    const { url } = await startServer({ maxParticipants: 1, minParticipants: 1 });
    const ada = await participant(url, { userId: 'ada', meetingId: 'first' });
    await participant(url, { userId: 'bob', meetingId: 'second' });
    const answer = await ada.ask('call:join', { meetingId: 'second', userId: 'ada', peerId: 'peer-ada' });
    expect(refused(answer)).toBe('ROOM_FULL');
    taken(await ada.ask('call:unmute', self(ada)));
  });

  it('[R8] refuses a peer id that somebody else is in a call under', async () => {
    const { url } = await startServer();
    const ada = await participant(url, { userId: 'ada', peerId: 'hers' });
    const eve = await connect(url);
    const theft = { meetingId: 'elsewhere', userId: 'eve', peerId: 'hers' };
    expect(refused(await eve.ask('call:join', theft))).toBe('PEER_ID_TAKEN');
    taken(await ada.ask('call:leave', self(ada)));
    taken(await eve.ask('call:join', theft));
  });

  it('[R8] keeps meetings apart from connections: a meeting named like one hears nothing of it', async () => {
    const { url } = await startServer();
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' });
    const names = [ada.socket.id ?? '', `call:meeting`, `/#${ada.socket.id ?? ''}`];
    const spies = await Promise.all(
      names.map((meetingId, index) => participant(url, { userId: `spy-${index}`, meetingId })),
    );
    taken(await bob.ask('call:signal', signal(bob, ada)));
    taken(await bob.ask('call:unmute', self(bob)));
    await ada.next('call:signal');
    await ada.next('call:mute-status');
    for (const spy of spies) {
      await fence(spy, spy);
      expect(spy.rest()).toEqual([]);
    }
  });
});

describe('speaking', () => {
  const events = ['call:leave', 'call:mute', 'call:unmute', 'call:video-on', 'call:video-off'] as const;

  it.each(events)('[R3] %s only for oneself', async (event) => {
    const { url } = await startServer();
    const ada = await participant(url, { userId: 'ada' });
    const eve = await participant(url, { userId: 'eve' });
    const stranger = await connect(url);
    expect(refused(await stranger.ask(event, self(ada)))).toBe('NOT_IN_CALL');
    expect(refused(await eve.ask(event, self(ada)))).toBe('FORBIDDEN');
    expect(refused(await eve.ask(event, { meetingId: 'other', userId: 'eve' }))).toBe('FORBIDDEN');
    await ada.next('call:peer-joined');
    await fence(eve, ada);
    expect(ada.rest()).toEqual([]);
    expect(eve.rest()).toEqual([]);
  });

  it('[R12] tells everybody of a change, the one who made it too, and only of a change', async () => {
    const { url } = await startServer();
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' });
    const muted = { userId: 'bob', username: 'bob', isMuted: false, timestamp: expect.any(String) as string };
    expect(taken(await bob.ask('call:mute', self(bob)))).toEqual({ ...muted, isMuted: true });
    expect(taken(await bob.ask('call:unmute', self(bob)))).toEqual(muted);
    expect(taken(await bob.ask('call:unmute', self(bob)))).toEqual(muted);
    expect(await ada.next('call:mute-status')).toEqual(muted);
    expect(await bob.next('call:mute-status')).toEqual(muted);
    taken(await bob.ask('call:video-off', self(bob)));
    taken(await bob.ask('call:video-on', self(bob)));
    expect(await ada.next('call:video-status')).toMatchObject({ userId: 'bob', isVideoOn: true });
    await fence(bob, ada);
    expect(ada.rest('call:mute-status', 'call:video-status')).toEqual([]);
    const late = await participant(url, { userId: 'late' });
    expect(late.joined.participants[1]).toMatchObject({ userId: 'bob', isMuted: false, isVideoOn: true });
  });

  it('[R9] tells of a leave once, and answers what is no longer there', async () => {
    const { url } = await startServer();
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' });
    expect(taken(await bob.ask('call:leave', self(bob)))).toEqual(self(bob));
    expect(refused(await bob.ask('call:leave', self(bob)))).toBe('NOT_IN_CALL');
    bob.socket.disconnect();
    expect(await ada.next('call:peer-left')).toMatchObject({ userId: 'bob', peerId: 'peer-bob', reason: 'left' });
    await fence(ada, ada);
    expect(ada.rest('call:peer-left', 'call:peer-reconnecting')).toEqual([]);
  });
});

describe('signals', () => {
  it('[R11] reach the addressee alone, stamped with who sent them', async () => {
    const { url } = await startServer();
    const [ada, bob, eve] = [
      await participant(url, { userId: 'ada' }),
      await participant(url, { userId: 'bob' }),
      await participant(url, { userId: 'eve' }),
    ];
    taken(await ada.ask('call:signal', signal(ada, bob, { fromPeerId: 'forged' })));
    expect(await bob.next('call:signal')).toEqual(signal(ada, bob));
    await fence(ada, eve);
    expect(eve.rest('call:signal')).toEqual([]);
  });

  it('[R3] [R11] are refused, each with its code, and nobody hears of them', async () => {
    const { url } = await startServer();
    const ada = await participant(url, { userId: 'ada' });
    const eve = await participant(url, { userId: 'eve' });
    const far = await participant(url, { userId: 'far', meetingId: 'elsewhere' });
    const stranger = await connect(url);
    const code = async (client: Client, changes: object) =>
      refused(await client.ask('call:signal', signal(eve, ada, changes)));

    expect(await code(eve, { toUserId: 'nobody' })).toBe('USER_NOT_FOUND');
    expect(await code(eve, { toUserId: 'far' })).toBe('USER_NOT_FOUND');
    expect(await code(eve, { meetingId: 'nowhere' })).toBe('ROOM_NOT_FOUND');
    expect(await code(eve, { meetingId: 'elsewhere', toUserId: 'far' })).toBe('FORBIDDEN');
    expect(await code(eve, { fromUserId: 'ada', toUserId: 'ada' })).toBe('FORBIDDEN');
    expect(await code(stranger, {})).toBe('NOT_IN_CALL');
    expect(await code(stranger, { meetingId: 'nowhere' })).toBe('ROOM_NOT_FOUND');
    for (const wrong of [undefined, null, 5, [], [SDP], '', 'x'.repeat(65_537), { sdp: 'x'.repeat(65_537) }])
      expect(await code(eve, { signal: wrong })).toBe('INVALID_SIGNAL');
    expect(await code(eve, { signalType: 'hello' })).toBe('INVALID_SIGNAL');

    await ada.next('call:peer-joined');
    await fence(eve, ada);
    expect(ada.rest()).toEqual([]);
    await fence(far, far);
    expect(far.rest()).toEqual([]);
  });
});

describe('refusals', () => {
  it('[R13] come as an answer with an acknowledgement, as call:error without one', async () => {
    const { url } = await startServer();
    const ada = await connect(url);
    const answer = await ada.askWildly('call:join', { meetingId: 'm', userId: 5, peerId: 'p' });
    expect(answer).toEqual({
      success: false,
      code: 'INVALID_PAYLOAD',
      message: expect.stringContaining('userId') as string,
    });
    ada.wild.emit('call:join', { meetingId: 'm', userId: 5, peerId: 'p' });
    expect(await ada.next('call:error')).toEqual({
      code: 'INVALID_PAYLOAD',
      message: expect.stringContaining('userId') as string,
    });
    expect(refused(await ada.askWildly('call:jion', {}))).toBe('INVALID_PAYLOAD');
    ada.wild.emit('call:join', 'no callback', 'here');
    expect((await ada.next('call:error')).code).toBe('INVALID_PAYLOAD');
  });
});

describe('one request at a time', () => {
  it('[R10] does a leave after the join it was sent after, however slow the store', async () => {
    const { url } = await startServer({ backplane: slowBackplane(jitter) });
    const watcher = await participant(url, { userId: 'watcher' });
    const bob = await connect(url);
    const join = bob.ask('call:join', { meetingId: 'meeting', userId: 'bob', peerId: 'p' });
    const leave = bob.ask('call:leave', { meetingId: 'meeting', userId: 'bob' });
    taken(await join);
    taken(await leave);
    await watcher.next('call:peer-joined');
    expect((await watcher.next('call:peer-left')).reason).toBe('left');
    expect((await get(`${url}/api/call/room/meeting`)).body).toMatchObject({ data: { participants: 1 } });
  });

  it('[R10] leaves no ghost of who disconnects in the middle of a join', async () => {
    let open: (value?: unknown) => void = () => undefined;
    const gate = new Promise((resolve) => (open = resolve));
    let reached: (value?: unknown) => void = () => undefined;
    const isReached = new Promise((resolve) => (reached = resolve));
    const { url } = await startServer({
      backplane: slowBackplane(() => {
        reached();
        return gate;
      }),
    });
    const bob = await connect(url);
    bob.socket.emit('call:join', { meetingId: 'meeting', userId: 'bob', peerId: 'p' });
    await isReached;
    bob.socket.disconnect();
    open();
    const ada = await participant(url, { userId: 'ada' });
    if (ada.joined.participants.length > 0) await ada.next('call:peer-left');
    expect((await get(`${url}/api/call/room/meeting`)).body).toMatchObject({ data: { users: [{ userId: 'ada' }] } });
    expect((await get(`${url}/api/call/stats`)).body).toMatchObject({ data: { activeCalls: 1, totalUsersInCalls: 1 } });
  });
});

describe('a lost connection', () => {
  it('[R6] keeps its seat, gets what it missed, and need not join again', async () => {
    const { url } = await startServer();
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' }, { reconnectionDelay: 10 });
    await ada.next('call:peer-joined');
    cut(bob);
    expect(await ada.next('call:peer-reconnecting')).toMatchObject({ userId: 'bob', peerId: 'peer-bob' });
    const { data } = (await get(`${url}/api/call/room/meeting`)).body as { data: { users: unknown[] } };
    expect(data.users).toContainEqual(expect.objectContaining({ userId: 'bob' }));
    taken(await ada.ask('call:unmute', self(ada)));
    taken(await ada.ask('call:signal', signal(ada, bob)));
    expect(await ada.next('call:peer-reconnected')).toMatchObject({ userId: 'bob' });

    expect((await bob.next('call:mute-status')).userId).toBe('ada');
    expect((await bob.next('call:signal')).signal).toEqual(SDP);
    expect(bob.socket.recovered).toBe(true);
    taken(await bob.ask('call:unmute', self(bob)));
    await fence(bob, ada);
    expect(ada.rest('call:peer-left', 'call:peer-joined')).toEqual([]);
    expect(bob.rest('call:mute-status').length).toBe(1);
  });

  it('[R6] is told what it missed when its connection stands, not before', async () => {
    const { url } = await startServer();
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' }, { reconnectionDelay: 10 });
    cut(bob);
    await ada.next('call:peer-reconnecting');
    taken(await ada.ask('call:unmute', self(ada)));
    const packets: unknown[] = [];
    bob.socket.io.on('packet', ({ type }: Packet) => packets.push(type));
    await bob.next('call:mute-status');
    expect(packets.slice(0, 2)).toEqual([PacketType.CONNECT, PacketType.EVENT]);
  });

  it('[R6] [R9] is lost when the time of grace is over, and is told once', async () => {
    const { url } = await startServer({ reconnectGraceMs: 50 });
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' }, { reconnection: false });
    cut(bob);
    await ada.next('call:peer-reconnecting');
    expect(await ada.next('call:peer-left')).toMatchObject({ userId: 'bob', reason: 'lost' });
    await fence(ada, ada);
    expect(ada.rest('call:peer-left', 'call:peer-reconnected')).toEqual([]);
    expect((await get(`${url}/api/call/room/meeting`)).body).toMatchObject({ data: { participants: 1 } });
  });

  it('[R6] is told so when the seat was taken over while it was away', async () => {
    const { url } = await startServer();
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' }, { reconnection: false });
    cut(bob);
    await ada.next('call:peer-reconnecting');
    const phone = await participant(url, { userId: 'bob', peerId: 'phone' });
    bob.socket.connect();
    await bob.next('call:ice-servers');
    expect((await bob.next('call:error')).code).toBe('REPLACED');
    expect((await bob.next('call:error')).code).toBe('NOT_IN_CALL');
    taken(await phone.ask('call:unmute', self(phone)));
    await ada.next('call:mute-status');
    expect(refused(await bob.ask('call:mute', self(bob)))).toBe('NOT_IN_CALL');
    expect(bob.rest('call:mute-status')).toEqual([]);
    expect(ada.rest('call:peer-left', 'call:peer-reconnected')).toEqual([]);
  });

  it('[R6] is nobody in the call when it comes back after the time of grace', async () => {
    const { url } = await startServer({ reconnectGraceMs: 20 });
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' }, { reconnection: false });
    cut(bob);
    expect((await ada.next('call:peer-left')).reason).toBe('lost');
    bob.socket.connect();
    await bob.next('call:ice-servers');
    expect(bob.socket.recovered).toBe(false);
    expect(refused(await bob.ask('call:unmute', self(bob)))).toBe('NOT_IN_CALL');
    const again = await joinAs(bob, { userId: 'bob' });
    expect(again.joined.participants).toHaveLength(1);
    expect((await ada.next('call:peer-joined')).userId).toBe('bob');
  });

  it('[R6] is a departure when the client says so, or its page is gone', async () => {
    const { url } = await startServer();
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' });
    bob.socket.disconnect();
    expect(await ada.next('call:peer-left')).toMatchObject({ userId: 'bob', reason: 'left' });

    const eve = await participant(url, { userId: 'eve' }, { reconnection: false });
    const { ws } = eve.socket.io.engine.transport as unknown as { ws: WebSocket };
    ws.close(1001);
    expect(await ada.next('call:peer-left')).toMatchObject({ userId: 'eve', reason: 'closed' });
    expect(ada.rest('call:peer-reconnecting')).toEqual([]);
  });

  it('[R6] is a departure also when something was sent to a page between its goodbye and its end', async () => {
    const { url } = await startServer();
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' }, { reconnection: false });
    const { ws } = bob.socket.io.engine.transport as unknown as { ws: WebSocket & { _socket: Socket } };
    // Bob's end does not hear the answer to his goodbye, so that the TCP connection stays open meanwhile.
    ws._socket.pause();
    ws.close(1001);
    for (let times = 0; times < 50; times += 1)
      taken(await ada.ask(times % 2 ? 'call:mute' : 'call:unmute', self(ada)));
    ws._socket.resume();
    expect(await ada.next('call:peer-left')).toMatchObject({ userId: 'bob', reason: 'closed' });
    expect(ada.rest('call:peer-reconnecting')).toEqual([]);
  });

  it('[R6] [R10] survives many losses in a row beside a slow store', async () => {
    const { url } = await startServer({ backplane: slowBackplane(jitter) });
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' }, { reconnectionDelay: 1, reconnectionDelayMax: 5 });
    for (let times = 0; times < 10; times += 1) {
      const back = connected(bob);
      cut(bob);
      await ada.next('call:peer-reconnecting');
      await back;
      await ada.next('call:peer-reconnected');
    }
    taken(await bob.ask('call:unmute', self(bob)));
    expect((await ada.next('call:mute-status')).userId).toBe('bob');
    expect(ada.rest('call:peer-left')).toEqual([]);
  });

  it('[R6] returns before the old connection was found dead', async () => {
    const { url } = await startServer();
    const ada = await participant(url, { userId: 'ada' });
    const bob = await participant(url, { userId: 'bob' }, { reconnectionDelay: 10 });
    // The old connection stays open, as after a change of networks: only the client knows that it is over.
    const { ws } = bob.socket.io.engine.transport as unknown as { ws: { close: () => void; terminate: () => void } };
    const terminate = ws.terminate.bind(ws);
    ws.close = () => undefined;
    const back = connected(bob);
    bob.socket.io.engine.close();
    (bob.socket.io.engine.transport as unknown as { onClose: () => void }).onClose();
    await back;
    expect(bob.socket.recovered).toBe(true);
    await ada.next('call:peer-reconnecting');
    await ada.next('call:peer-reconnected');
    taken(await bob.ask('call:unmute', self(bob)));
    expect((await ada.next('call:mute-status')).userId).toBe('bob');
    terminate();
    await fence(bob, ada);
    expect(ada.rest('call:peer-left', 'call:peer-reconnecting')).toEqual([]);
  });
});

describe('peers of participants', () => {
  it('[P7] are told online and offline, in the list, by event, by REST', async () => {
    const { url } = await startServer();
    const ada = await participant(url, { userId: 'ada' });
    const wire = await peer(url, 'peer-ada');
    expect(await ada.next('call:peer-status')).toEqual({ userId: 'ada', peerId: 'peer-ada', online: true });
    const bob = await participant(url, { userId: 'bob' });
    expect(bob.joined.participants[0]).toMatchObject({ userId: 'ada', peerOnline: true });
    expect((await get(`${url}/api/call/peers/peer-ada`)).body).toEqual({
      success: true,
      data: { peerId: 'peer-ada', online: true, userId: 'ada', username: 'ada' },
    });
    await peer(url, 'nobody-knows');
    expect((await get(`${url}/api/call/stats`)).body).toMatchObject({
      data: { activeCalls: 1, totalUsersInCalls: 2, peers: { online: 2, inCalls: 1 } },
    });
    wire.ws.close();
    expect(await bob.next('call:peer-status')).toEqual({ userId: 'ada', peerId: 'peer-ada', online: false });
    expect((await get(`${url}/api/call/room/meeting`)).body).toMatchObject({
      data: { users: [{ userId: 'ada', peerOnline: false }, { userId: 'bob' }], status: 'active' },
    });
  });
});

it('[R13] answers under a random storm of joins, moves, leaves and losses, and its counts stay true', async () => {
  const { url } = await startServer({ reconnectGraceMs: 20, maxParticipants: 4, backplane: slowBackplane(jitter) });
  const clients = await Promise.all(Array.from({ length: 8 }, () => connect(url, { reconnectionDelay: 1 })));
  const pick = <T>(items: readonly T[]) => items[Math.floor(Math.random() * items.length)] as T;
  const meetings = ['a', 'b', 'c'];
  const act = async (client: Client, index: number) => {
    const claimed = { meetingId: pick(meetings), userId: `user-${index}` };
    if (Math.random() < 0.1) {
      cut(client);
      return;
    }
    if (!client.socket.connected) return;
    client.socket.emit(pick(['call:leave', 'call:mute', 'call:unmute'] as const), claimed);
    client.socket.emit('call:join', { ...claimed, peerId: pick(['shared', `own-${index}`]) });
    await jitter();
  };
  for (let round = 0; round < 50; round += 1) await Promise.all(clients.map(act));

  for (const client of clients) client.socket.disconnect();
  const last = await participant(url, { userId: 'last', meetingId: randomUUID() });
  const seated = async () => {
    const paths = ['stats', ...meetings.map((meetingId) => `room/${meetingId}`)];
    const answers = await Promise.all(paths.map((path) => get(`${url}/api/call/${path}`)));
    const [stats, ...rooms] = answers.map(({ body }) => body.data as Record<string, number> | undefined);
    return { counted: stats?.totalUsersInCalls, listed: rooms.map((room) => room?.participants ?? 0) };
  };
  // What they asked for last may still be under way, and who was cut off is still held. A ghost would stay for ever.
  for (let now = await seated(); now.counted !== 1 || now.listed.some(Boolean); now = await seated())
    await fence(last, last);
});

// Which clients get TURN credentials, and when.

import { describe, expect, it } from 'vitest';
import { connected, connect, cut, joinAs, participant, startServer } from '../helpers';

const STUN = { urls: 'stun:s:1' };
const turnRest = { urls: ['turn:t:1'], secret: 'shared', ttlSeconds: 60 };
const turnServer = { host: 'turn.example:3478', username: 'user', credential: 'pass' };

const credentials = { username: expect.any(String) as string, credential: expect.any(String) as string };

describe.each([
  ['that expire', { turnRest }, [STUN], [STUN, { urls: 'turn:t:1', ...credentials }]],
  [
    'that are fixed',
    { turnServer },
    [STUN, { urls: 'stun:turn.example:3478' }],
    [
      STUN,
      { urls: 'stun:turn.example:3478' },
      { urls: 'turn:turn.example:3478', ...credentials },
      { urls: 'turns:turn.example:443', ...credentials },
    ],
  ],
])('[R20] TURN credentials %s', (_kind, options, withoutSeat, withSeat) => {
  const start = () => startServer({ stunUrls: ['stun:s:1'], ...options });

  it('come with the seat: in the acknowledgement, and before the list of those to call', async () => {
    const { url } = await start();
    const ada = await connect(url, { reconnection: false });
    expect(ada.inbox.everything()).toEqual([['call:ice-servers', withoutSeat]]);
    const { joined } = await joinAs(ada, { userId: 'ada' });
    expect(joined.iceServers).toEqual(withSeat);
    const events = ada.inbox.everything().slice(1);
    expect(events.map(([event]) => event)).toEqual(['call:ice-servers', 'call:peers-list']);
    expect(events[0]?.[1]).toEqual(withSeat);
  });

  it('do not come with a refusal', async () => {
    const { url } = await startServer({ stunUrls: ['stun:s:1'], ...options, maxParticipants: 1, minParticipants: 1 });
    await participant(url, { userId: 'ada' });
    const bob = await connect(url);
    const answer = await bob.ask('call:join', { meetingId: 'meeting', userId: 'bob', peerId: 'b' });
    expect(answer).toMatchObject({ success: false, code: 'ROOM_FULL' });
    expect(bob.rest()).toEqual([]);
  });

  it('come again to a connection that is recovered with its seat', async () => {
    const { url } = await start();
    const ada = await participant(url, { userId: 'ada' });
    await ada.next('call:ice-servers');
    const isBack = connected(ada);
    cut(ada);
    await isBack;
    expect(ada.socket.recovered).toBe(true);
    expect(await ada.next('call:ice-servers')).toEqual(withoutSeat);
    expect(await ada.next('call:ice-servers')).toEqual(withSeat);
  });

  it('do not come again to a connection whose seat was taken over while it was away', async () => {
    const { url } = await start();
    const bob = await participant(url, { userId: 'bob' }, { reconnection: false });
    await bob.next('call:ice-servers');
    const ada = await participant(url, { userId: 'ada' });
    cut(bob);
    await ada.next('call:peer-reconnecting');
    await participant(url, { userId: 'bob', peerId: 'phone' });
    bob.socket.connect();
    expect(await bob.next('call:ice-servers')).toEqual(withoutSeat);
    expect((await bob.next('call:error')).code).toBe('REPLACED');
    expect((await bob.next('call:error')).code).toBe('NOT_IN_CALL');
    expect(bob.rest('call:ice-servers')).toEqual([]);
  });

  it('come on connect with TURN_OPEN, and only then', async () => {
    const { url } = await startServer({ stunUrls: ['stun:s:1'], ...options, turnOpen: true });
    const ada = await connect(url);
    expect(ada.inbox.everything()).toEqual([['call:ice-servers', withSeat]]);
    await joinAs(ada, { userId: 'ada' });
    expect(ada.rest('call:ice-servers')).toEqual([]);
  });
});

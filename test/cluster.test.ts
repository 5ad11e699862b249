// Several nodes are one: the rules of a call and of the broker, with each participant on another node.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cut, fence, participant, peer, taken, type Participant } from './helpers';
import { expectAgreement, startNodes } from './nodes';
import { RedisServer } from './redis-server';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.end());

const self = ({ meetingId, userId }: Participant) => ({ meetingId, userId });

/** The client goes on on another node: the next time it connects, it does so there. */
function turnTo(client: Participant, url: string): void {
  (client.socket.io as unknown as { uri: string }).uri = url;
}

describe('a call on several nodes', () => {
  it('[R2] [R11] shows each the others, and brings signals', async () => {
    const [a, b] = await startNodes(redis, 2);
    if (!a || !b) return;
    const ada = await participant(a.url, { userId: 'ada' });
    const bob = await participant(b.url, { userId: 'bob' });
    expect(bob.joined.participants).toMatchObject([{ userId: 'ada' }]);
    expect(await ada.next('call:peer-joined')).toMatchObject({ userId: 'bob' });
    await fence(ada, bob);
    await fence(bob, ada);
    taken(await bob.ask('call:unmute', self(bob)));
    expect(await ada.next('call:mute-status')).toMatchObject({ userId: 'bob', isMuted: false });
    expect(await bob.next('call:mute-status')).toMatchObject({ userId: 'bob', isMuted: false });
    await expectAgreement([a.url, b.url], ['ada', 'bob']);
    bob.socket.disconnect();
    expect(await ada.next('call:peer-left')).toMatchObject({ userId: 'bob', reason: 'left' });
  });

  it('[R6] keeps the seat of who comes back on another node, and tells it what it missed', async () => {
    const [a, b] = await startNodes(redis, 2);
    if (!a || !b) return;
    const ada = await participant(a.url, { userId: 'ada' });
    const bob = await participant(a.url, { userId: 'bob' }, { reconnectionDelay: 200 });
    const carol = await participant(b.url, { userId: 'carol' });
    turnTo(bob, b.url);
    const back = new Promise((resolve) => bob.socket.once('connect', () => resolve(undefined)));
    cut(bob);
    expect(await ada.next('call:peer-reconnecting')).toMatchObject({ userId: 'bob' });
    expect(await carol.next('call:peer-reconnecting')).toMatchObject({ userId: 'bob' });
    taken(await ada.ask('call:unmute', self(ada)));
    const said = fence(carol, bob);
    await back;
    expect(bob.socket.recovered).toBe(true);
    await said;
    expect(await bob.next('call:mute-status')).toMatchObject({ userId: 'ada', isMuted: false });
    expect(await ada.next('call:peer-reconnected')).toMatchObject({ userId: 'bob' });
    await fence(bob, ada);
    await fence(ada, bob);
    await expectAgreement([a.url, b.url], ['ada', 'bob', 'carol']);
    expect([...ada.rest('call:peer-left'), ...carol.rest('call:peer-left')]).toEqual([]);
    expect(bob.rest('call:peers-list', 'call:error')).toEqual([]);
  });
});

describe('the broker on several nodes', () => {
  it('[P1] brings frames from node to node', async () => {
    const [a, b] = await startNodes(redis, 2);
    if (!a || !b) return;
    const ada = await peer(a.url, 'ada');
    const bob = await peer(b.url, 'bob');
    ada.send({ type: 'OFFER', dst: 'bob', payload: 'hello' });
    expect(await bob.next('OFFER')).toEqual({ type: 'OFFER', src: 'ada', dst: 'bob', payload: 'hello' });
  });
});

// Attempts to speak for others, to hear what is meant for others, and to take what belongs to others.

import { describe, expect } from 'vitest';
import { connect, cut, dial, fence, get, participant, peer, refused, taken, type Participant } from '../helpers';
import { ATTACKER, dialFrom, from } from './attackers';
import { besieged } from './siege';
import type { InnocentCall } from './innocent-call';

const GRACE_MS = 1000;
const attack = besieged({ reconnectGraceMs: GRACE_MS });

/** Every event by which one could act for another, with what it says of meeting and user. */
const EVENTS = ['call:leave', 'call:mute', 'call:unmute', 'call:video-on', 'call:video-off', 'call:signal'] as const;

function payloadOf(event: string, meetingId: string, userId: string, toUserId: string): object {
  if (event !== 'call:signal') return { meetingId, userId };
  return { meetingId, fromUserId: userId, toUserId, signal: { sdp: 'forged' }, signalType: 'offer' };
}

const mallory = (url: string, meetingId: string, namespace = '/'): Promise<Participant> =>
  participant(url, { meetingId, userId: 'mallory' }, { namespace, ...from() });

/** Takes out of the innocents' inboxes that somebody came, who has every right to. */
async function comingIsNoticed({ ana, ben }: InnocentCall): Promise<void> {
  for (const { person } of [ana, ben]) await person.next('call:peer-joined');
}

/** The same for somebody who goes. */
async function goingIsNoticed({ ana, ben }: InnocentCall): Promise<void> {
  for (const { person } of [ana, ben]) await person.next('call:peer-left');
}

describe('nobody speaks for another', () => {
  for (const namespace of ['/', '/call'])
    for (const event of EVENTS)
      attack(`${event} on ${namespace}`, async ({ url }, innocents) => {
        const { ana, ben, meetingId } = innocents;
        const outsider = await connect(url, { namespace, ...from() });
        expect(refused(await outsider.askWildly(event, payloadOf(event, meetingId, 'ana', 'ben')))).toBe('NOT_IN_CALL');
        outsider.wild.emit(event, payloadOf(event, meetingId, 'ana', 'ben'));
        expect(await outsider.next('call:error')).toMatchObject({ code: 'NOT_IN_CALL' });

        const elsewhere = await mallory(url, `${meetingId}-elsewhere`, namespace);
        for (const userId of ['ana', 'mallory', 'ben', 'nobody'])
          expect(refused(await elsewhere.askWildly(event, payloadOf(event, meetingId, userId, 'ben')))).toBe(
            'FORBIDDEN',
          );
        for (const userId of ['ana', 'ben'])
          expect(
            refused(await elsewhere.askWildly(event, payloadOf(event, elsewhere.meetingId, userId, 'mallory'))),
          ).toBe('FORBIDDEN');

        const inside = await mallory(url, meetingId, namespace);
        await comingIsNoticed(innocents);
        for (const { person } of [ana, ben]) {
          for (const other of ['ana', 'ben', 'mallory'])
            expect(refused(await inside.askWildly(event, payloadOf(event, meetingId, person.userId, other)))).toBe(
              'FORBIDDEN',
            );
          inside.wild.emit(event, payloadOf(event, meetingId, person.userId, 'mallory'));
          expect(await inside.next('call:error')).toMatchObject({ code: 'FORBIDDEN' });
        }
        // It did not even forge something of its own.
        expect(inside.rest()).toEqual([]);
        for (const { person } of [ana, ben]) await fence(inside, person);
        expect([...ana.person.rest(), ...ben.person.rest()]).toEqual([]);
        const room = await get(`${url}/api/call/room/${meetingId}`);
        expect(room.body).toMatchObject({
          data: {
            participants: 3,
            users: [{ userId: 'ana', isMuted: true }, { userId: 'ben' }, { userId: 'mallory' }],
          },
        });
        taken(await inside.ask('call:leave', { meetingId, userId: 'mallory' }));
        await goingIsNoticed(innocents);
      });

  attack('by what a signal says of its sender', async ({ url }, innocents) => {
    const { ana, ben, meetingId } = innocents;
    const inside = await mallory(url, meetingId);
    await comingIsNoticed(innocents);
    const forged = {
      fromPeerId: ana.person.peerId,
      toPeerId: 'x',
      signal: { sdp: 'mine' },
      signalType: 'offer' as const,
    };
    taken(await inside.ask('call:signal', { meetingId, fromUserId: 'mallory', toUserId: 'ben', ...forged }));
    expect(await ben.person.next('call:signal')).toMatchObject({ fromUserId: 'mallory', fromPeerId: 'peer-mallory' });
    taken(await inside.ask('call:leave', { meetingId, userId: 'mallory' }));
    await goingIsNoticed(innocents);
  });

  attack('after it left, or lost its seat to itself', async ({ url }, innocents) => {
    const { meetingId } = innocents;
    const first = await mallory(url, meetingId);
    await comingIsNoticed(innocents);
    const second = await mallory(url, meetingId, '/call');
    await comingIsNoticed(innocents);
    expect(await first.next('call:error')).toMatchObject({ code: 'REPLACED' });
    for (const event of EVENTS)
      expect(refused(await first.askWildly(event, payloadOf(event, meetingId, 'mallory', 'ben')))).toBe('NOT_IN_CALL');
    // The earlier connection hears no more of the call.
    taken(await second.ask('call:unmute', { meetingId, userId: 'mallory' }));
    for (const { person } of [innocents.ana, innocents.ben]) await person.next('call:mute-status');
    taken(await second.ask('call:leave', { meetingId, userId: 'mallory' }));
    await goingIsNoticed(innocents);
    for (const client of [first, second])
      for (const event of EVENTS)
        expect(refused(await client.askWildly(event, payloadOf(event, meetingId, 'mallory', 'ben')))).toBe(
          'NOT_IN_CALL',
        );
    expect(first.rest()).toEqual([]);
  });
});

describe('nobody hears what is meant for others', () => {
  attack('of another meeting', async ({ url }, { ben, meetingId }) => {
    const outside = await mallory(url, `${meetingId}-elsewhere`);
    const signal = { fromUserId: 'mallory', toUserId: 'ben', signal: { sdp: 'x' }, signalType: 'offer' as const };
    expect(refused(await outside.ask('call:signal', { meetingId: outside.meetingId, ...signal }))).toBe(
      'USER_NOT_FOUND',
    );
    expect(refused(await outside.ask('call:signal', { meetingId, ...signal }))).toBe('FORBIDDEN');
    expect(ben.person.rest()).toEqual([]);
  });

  attack('by any choice of a meeting id', async ({ url }, { ana, ben, meetingId }) => {
    const ids = [ana.socketId, ben.socketId].filter((id) => id !== undefined);
    const rooms = [...ids, ...ids.map((id) => `/#${id}`), ...ids.map((id) => `/call#${id}`), `call:${meetingId}`];
    const variants = [
      `${meetingId} `,
      meetingId.toUpperCase(),
      `call:call:${meetingId}`,
      '*',
      '/',
      '/call',
      'undefined',
      'null',
    ];
    const eavesdroppers: Participant[] = [];
    for (const [index, id] of [...rooms, ...variants, '__proto__', 'constructor', 'toString'].entries())
      for (const namespace of ['/', '/call'])
        eavesdroppers.push(
          await participant(
            url,
            { meetingId: id, userId: `ear${index}${namespace.length}`, peerId: `ear-${index}-${namespace.length}` },
            { namespace, ...from() },
          ),
        );
    // The second to come into each of these meetings is seen by the first, and nothing else is.
    for (const eavesdropper of eavesdroppers.filter((_, index) => index % 2 === 0))
      await eavesdropper.next('call:peer-joined');

    taken(await ana.person.ask('call:unmute', { meetingId, userId: 'ana' }));
    taken(await ana.person.ask('call:mute', { meetingId, userId: 'ana' }));
    for (const { person } of [ana, ben]) for (const _ of [1, 2]) await person.next('call:mute-status');
    await fence(ana.person, ben.person);
    await fence(ben.person, ana.person);
    for (const [index, eavesdropper] of eavesdroppers.entries()) {
      const neighbour = eavesdroppers[index % 2 === 0 ? index + 1 : index - 1];
      if (neighbour) await fence(eavesdropper, neighbour);
    }
    for (const eavesdropper of eavesdroppers)
      expect([eavesdropper.meetingId, eavesdropper.rest()]).toEqual([eavesdropper.meetingId, []]);
  });

  attack('and a roster shows no peer ids', async ({ url }, { ana, ben, meetingId }) => {
    const text = JSON.stringify((await get(`${url}/api/call/room/${meetingId}`)).body);
    for (const { person } of [ana, ben]) expect(text).not.toContain(person.peerId);
  });
});

describe('nobody takes a peer id', () => {
  attack('by call:join, in this meeting or another', async ({ url }, { ana, ben, meetingId }) => {
    const thief = await connect(url, from());
    for (const { peerId } of [ana.person, ben.person])
      for (const meeting of [meetingId, `${meetingId}-elsewhere`])
        expect(
          refused(await thief.ask('call:join', { meetingId: meeting, userId: 'thief', peerId, username: 'ana' })),
        ).toBe('PEER_ID_TAKEN');
    expect(refused(await thief.ask('call:mute', { meetingId, userId: 'thief' }))).toBe('NOT_IN_CALL');
  });

  attack('by joining first with one of its own and again with another', async ({ url }, innocents) => {
    const { ana, meetingId } = innocents;
    const thief = await mallory(url, meetingId);
    await comingIsNoticed(innocents);
    const again = { meetingId, userId: 'mallory', peerId: ana.person.peerId };
    expect(refused(await thief.ask('call:join', again))).toBe('PEER_ID_TAKEN');
    // It still has the seat it had.
    const { body } = await get(`${url}/api/call/peers/${ana.person.peerId}`);
    expect(body).toMatchObject({ data: { userId: 'ana', username: 'ana' } });
    taken(await thief.ask('call:leave', { meetingId, userId: 'mallory' }));
    await goingIsNoticed(innocents);
  });

  attack('at the broker, while its owner is there', async (server, { ana }) => {
    const thief = dialFrom(server, { id: ana.person.peerId, token: 'guessed' });
    await thief.next('ID-TAKEN');
    await thief.end();
  });

  attack('at the broker, while its owner is briefly gone', async (server) => {
    const { url } = server;
    const wire = await peer(url, 'owner');
    const owner = await participant(url, { meetingId: 'theft', userId: 'owner', peerId: 'owner' });
    const witness = await participant(url, { meetingId: 'theft', userId: 'witness' });
    wire.ws.terminate();
    expect(await witness.next('call:peer-status')).toMatchObject({ peerId: 'owner', online: false });

    const thief = dialFrom(server, { id: 'owner', token: 'guessed' });
    await thief.next('ID-TAKEN');
    await thief.end();

    // Also while the owner's signaling connection is lost, and only its seat remains.
    owner.socket.io.reconnection(false);
    cut(owner);
    await witness.next('call:peer-reconnecting');
    const secondThief = dialFrom(server, { id: 'owner', token: 'guessed' });
    await secondThief.next('ID-TAKEN');
    await secondThief.end();

    // The owner itself is let in at once.
    const back = dial(url, { id: 'owner', token: 'token-owner' });
    await back.next('OPEN');
    back.ws.close();
    await back.end();

    // The seat is gone, and with it the claim.
    expect(await witness.next('call:peer-left')).toMatchObject({ userId: 'owner', reason: 'lost' });
    const heir = dialFrom(server, { id: 'owner', token: 'another' });
    await heir.next('OPEN');
  });

  attack('of somebody who has just left, before that is settled', async (server) => {
    const { url } = server;
    for (let round = 0; round < 20; round += 1) {
      const id = `leaver${round}`;
      const wire = await peer(url, id);
      const leaver = await participant(url, { meetingId: 'leaving', userId: id, peerId: id });
      wire.ws.terminate();
      const leaving = leaver.ask('call:leave', { meetingId: 'leaving', userId: id });
      const heir = dial(url, { id, token: 'another' }, { localAddress: ATTACKER });
      const { type } = await heir.inbox.next();
      expect(['OPEN', 'ID-TAKEN']).toContain(type);
      taken(await leaving);
      // Who came too early comes again, and nothing of the leaver is left in its way.
      if (type === 'ID-TAKEN') await peer(url, id, 'another');
    }
  });
});

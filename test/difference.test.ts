// The events between two states of a call, checked by applying them as a client does.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { difference, statusKeyOf, type EventArgs } from '../src/difference';
import type { Seat } from '../src/rooms';

const seat = fc.record({
  meetingId: fc.constant('meeting'),
  userId: fc.constantFrom('ada', 'ben', 'cleo', 'dan'),
  username: fc.constantFrom('one', 'two'),
  peerId: fc.constantFrom('peer-1', 'peer-2'),
  address: fc.constant('node/#socket'),
  ticket: fc.constant('ticket'),
  isMuted: fc.boolean(),
  isVideoOn: fc.boolean(),
  peerOnline: fc.boolean(),
  joinedAt: fc.constantFrom(1, 2),
  heldUntil: fc.option(fc.constant(5), { nil: undefined }),
}) as fc.Arbitrary<Seat>;
const roster = fc.uniqueArray(seat, { selector: ({ userId }) => userId });

/** What a client knows of a participant. */
const known = ({ username, peerId, isMuted, isVideoOn, peerOnline, heldUntil }: Seat) => ({
  username,
  peerId,
  isMuted,
  isVideoOn,
  peerOnline,
  isReconnecting: heldUntil !== undefined,
});
type Known = Omit<ReturnType<typeof known>, 'peerOnline'> & { peerOnline?: boolean };
const knownOf = (seats: Seat[]) => new Map<string, Known>(seats.map((each) => [each.userId, known(each)]));

/** Handles events as a client does. Throws for a departure or status of a participant that it does not know. */
function receive(roster: Map<string, Known>, events: EventArgs[]): Map<string, Known> {
  const update = (userId: string, change: Partial<Known>) => {
    const before = roster.get(userId);
    if (!before) throw new Error(`unknown participant ${userId}`);
    roster.set(userId, { ...before, ...change });
  };
  for (const [event, payload] of events)
    switch (event) {
      case 'call:peer-left':
        expect(roster.delete(payload.userId)).toBe(true);
        break;
      case 'call:peer-joined': {
        const { userId, username, peerId } = payload;
        roster.set(userId, { username, peerId, isMuted: true, isVideoOn: false, isReconnecting: false });
        break;
      }
      case 'call:peer-renamed':
        update(payload.userId, { username: payload.username });
        break;
      case 'call:mute-status':
        update(payload.userId, { isMuted: payload.isMuted });
        break;
      case 'call:video-status':
        update(payload.userId, { isVideoOn: payload.isVideoOn });
        break;
      case 'call:peer-status':
        update(payload.userId, { peerOnline: payload.online });
        break;
      case 'call:peer-reconnecting':
        update(payload.userId, { isReconnecting: true });
        break;
      case 'call:peer-reconnected':
        update(payload.userId, { isReconnecting: false });
        break;
      default:
        throw new Error(`${event} is not part of a difference`);
    }
  return roster;
}

describe('[R14] the difference between two rosters', () => {
  it('changes the one into the other', () => {
    fc.assert(
      fc.property(roster, roster, (told, now) => {
        expect(receive(knownOf(told), difference(told, now))).toEqual(knownOf(now));
      }),
    );
  });

  it('renames a participant that stayed, so that its media continue', () => {
    fc.assert(
      fc.property(seat, fc.constantFrom('one', 'two'), (before, username) => {
        const events = difference([before], [{ ...before, username }]).map(([event]) => event);
        expect(events).toEqual(username === before.username ? [] : ['call:peer-renamed']);
      }),
    );
  });

  it('has each event once', () => {
    fc.assert(
      fc.property(roster, roster, (told, now) => {
        const keys = difference(told, now).map((args) => statusKeyOf(args) ?? JSON.stringify(args));
        expect(new Set(keys).size).toBe(keys.length);
      }),
    );
  });

  it('is empty for equal rosters', () => {
    fc.assert(
      fc.property(roster, (told) => {
        expect(difference(told, [...told])).toEqual([]);
      }),
    );
  });
});

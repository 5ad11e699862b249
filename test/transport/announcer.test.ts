// What is told to who comes back from a node that can tell nobody any more what was said there.

import { describe, expect, it } from 'vitest';
import type { LeaveReason } from '../../src/protocol';
import type { Seat } from '../../src/rooms';
import { newsSince } from '../../src/transport/announcer';

function seat(userId: string, version: number, changes: Partial<Seat> = {}): Seat {
  return {
    meetingId: 'meeting',
    userId,
    username: userId,
    peerId: `peer-${userId}`,
    address: `node/#${userId}`,
    ticket: `ticket of ${userId}`,
    isMuted: true,
    isVideoOn: false,
    peerOnline: true,
    joinedAt: version,
    version: String(version),
    ...changes,
  };
}

const left = (userId: string, since: number, version: number, reason: LeaveReason = 'left') => ({
  seat: seat(userId, since),
  reason,
  version,
});

/** What somebody is told who took the seat by change 10 and was told everything up to change 20, short. */
function told(others: Seat[], departed: ReturnType<typeof left>[] = [], heard = 20): string[] {
  const news = newsSince(heard, { version: 40, seat: seat('me', 10), others, departed });
  return news.map(([event, payload]) => {
    const { userId, reason } = payload as { userId?: string; reason?: string };
    return [event, userId, reason].filter(Boolean).join(' ');
  });
}

const status = (userId: string, connection = 'reconnected') =>
  ['peer-renamed', 'mute-status', 'video-status', 'peer-status', `peer-${connection}`].map(
    (event) => `call:${event} ${userId}`,
  );

describe('[N2] what a dead node can tell nobody any more', () => {
  it('is who came and left since, in that order, and how everybody is', () => {
    const here = [seat('new', 30), seat('old', 5, { heldUntil: 1 })];
    expect(told(here, [left('gone', 6, 25, 'lost')])).toEqual([
      'call:peer-left gone lost',
      'call:peer-joined new',
      ...status('new'),
      ...status('old', 'reconnecting'),
    ]);
  });

  it('is not what was told before', () => {
    expect(told([seat('old', 20)], [left('gone', 6, 20)])).toEqual(status('old'));
  });

  it('is also who came and left again, as it happened', () => {
    const twice = [left('guest', 6, 21), left('guest', 22, 23)];
    expect(told([], twice)).toEqual([
      'call:peer-left guest left',
      'call:peer-joined guest',
      'call:peer-left guest left',
    ]);
  });

  it('is the list of all, if it was not told yet that it has this seat', () => {
    expect(told([seat('old', 5)], [left('gone', 6, 9)], 9)).toEqual(['call:peers-list']);
  });
});

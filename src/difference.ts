// The events that take a client from one known state of a call to another.

import type { ParticipantEvent, ServerEvent, ServerToClientEvents } from './protocol';
import type { Seat } from './rooms';

/** A server event with its payload, as Socket.IO emits it. */
export type EventArgs = {
  [E in ServerEvent]: [event: E, payload: Parameters<ServerToClientEvents[E]>[0]];
}[ServerEvent];

/** Status events replace earlier events of the same kind and participant. Joins and departures do not. */
const STATUS_KINDS = new Map<unknown, string>([
  ['call:peer-renamed', 'name'],
  ['call:mute-status', 'mute'],
  ['call:video-status', 'video'],
  ['call:peer-status', 'peer'],
  ['call:peer-reconnecting', 'connection'],
  ['call:peer-reconnected', 'connection'],
] satisfies [ServerEvent, string][]);

/** Returns a key that all events share of which a client needs only the latest, or `undefined` for other events. */
export function statusKeyOf([event, payload]: readonly unknown[]): string | undefined {
  const kind = STATUS_KINDS.get(event);
  return kind && `${kind} ${(payload as { userId: string }).userId}`;
}

/**
 * Returns the events that change `told`, the roster that a client knows, into `now`: departures, then joins, then status.
 * Returns no events for equal rosters. The reason of a departure is not part of a roster, so it is always `left`.
 */
export function difference(told: readonly Seat[], now: readonly Seat[]): EventArgs[] {
  const known = byUserId(told);
  const present = byUserId(now);
  const left = told
    .filter(({ userId }) => !present.has(userId))
    .map((seat): EventArgs => ['call:peer-left', { ...participantEvent(seat), reason: 'left' }]);
  const joined = now
    .filter((seat) => !isSameStay(known.get(seat.userId), seat))
    .map((seat): EventArgs => ['call:peer-joined', participantEvent(seat)]);
  const status = now.flatMap((seat) => {
    const before = known.get(seat.userId);
    return statusChanges(isSameStay(before, seat) ? before : undefined, seat);
  });
  return [...left, ...joined, ...status];
}

/** Without `before`, a client has received `call:peer-joined`, which implies muted, without camera and connected. */
function statusChanges(before: Seat | undefined, seat: Seat): EventArgs[] {
  const { userId, username, peerId, isMuted, isVideoOn, peerOnline, heldUntil } = seat;
  const status = { userId, username, timestamp: isoNow() };
  const isReconnecting = heldUntil !== undefined;
  const events: EventArgs[] = [];
  if (before && before.username !== username) events.push(['call:peer-renamed', participantEvent(seat)]);
  if (isMuted !== (before?.isMuted ?? true)) events.push(['call:mute-status', { ...status, isMuted }]);
  if (isVideoOn !== (before?.isVideoOn ?? false)) events.push(['call:video-status', { ...status, isVideoOn }]);
  if (peerOnline !== before?.peerOnline) events.push(['call:peer-status', { userId, peerId, online: peerOnline }]);
  if (isReconnecting !== (before?.heldUntil !== undefined))
    events.push([isReconnecting ? 'call:peer-reconnecting' : 'call:peer-reconnected', participantEvent(seat)]);
  return events;
}

/** A user who joined again is announced by `call:peer-joined`, as after a takeover. */
function isSameStay(before: Seat | undefined, seat: Seat): before is Seat {
  return before?.peerId === seat.peerId && before.joinedAt === seat.joinedAt;
}

const byUserId = (seats: readonly Seat[]) => new Map(seats.map((seat) => [seat.userId, seat]));

export const isoNow = () => new Date().toISOString();

export function participantEvent({ userId, peerId, username }: Seat): ParticipantEvent {
  return { userId, peerId, username, timestamp: isoNow() };
}

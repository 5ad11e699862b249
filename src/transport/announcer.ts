// Tells those participants who are on this node of what happens in their calls.

import type { Missed, Post } from '../backplane/index';
import { isoNow, participantEvent } from '../difference';
import { describe } from '../directory';
import { CallError, toRefusal } from '../errors';
import type { IceResolver } from '../ice';
import type { Logger } from '../logger';
import type { Refusal, Replies } from '../protocol';
import type { Change, Moved, Seat, SeatKey } from '../rooms';
import { holds, roomOf, socketIdOf, type Audience, type CallSocket } from './audience';
import { versionOf } from './offsets';

/** A connection that asked for a seat. */
export interface Joining {
  socket: CallSocket;
  answer: (reply: Replies['call:join']) => void;
}

export interface AnnouncerOptions {
  audience: Audience;
  post: Post;
  iceServers: IceResolver;
  log: Logger;
}

type Of<K extends Change['kind']> = Extract<Change, { kind: K }>;

export class Announcer {
  readonly #audience: Audience;
  readonly #post: Post;
  readonly #iceServers: IceResolver;
  readonly #log: Logger;
  readonly #joining = new Map<number, Joining>();
  #requests = 0;

  constructor({ audience, post, iceServers, log }: AnnouncerOptions) {
    this.#audience = audience;
    this.#post = post;
    this.#iceServers = iceServers;
    this.#log = log;
  }

  /**
   * While it asks, a connection waits for a seat. It is answered in the moment in which that is told: so the list that it
   * gets, and the events that follow, tell one consistent story.
   */
  async joins(joining: Joining, ask: (request: number) => Promise<void>): Promise<void> {
    const request = (this.#requests += 1);
    this.#joining.set(request, joining);
    await ask(request).finally(() => this.#joining.delete(request));
  }

  /** Whether a seat was given to a connection of this node that does not wait for it any more: it was refused. */
  isUnwanted(change: Change): boolean {
    return change.kind === 'seated' && this.isHere(change.seat) && !this.#waits(change);
  }

  isHere({ address }: Pick<Seat, 'address'>): boolean {
    return this.#audience.memoryOf(address) !== undefined;
  }

  tell(change: Change): void {
    switch (change.kind) {
      case 'seated':
        return this.#seated(change);
      case 'confirmed':
        return this.#confirmed(change);
      case 'held':
        return this.#held(change);
      case 'resumed':
        return this.#resumed(change);
      case 'media':
        return this.#media(change);
      case 'renamed':
        return this.#audience.tell(change.seat.meetingId, 'call:peer-renamed', participantEvent(change.seat));
      case 'peer':
        return this.#peer(change);
      case 'freed':
        return this.#freed(change);
    }
  }

  #seated(change: Of<'seated'>): void {
    const { seat, others, replaced } = change;
    const { meetingId, address } = seat;
    if (replaced && replaced.address !== address) this.#evict(replaced);
    const socket = this.#waits(change)?.socket;
    if (socket) this.#admit(socket, seat);
    this.#audience.tell(meetingId, 'call:peer-joined', participantEvent(seat), address);
    if (socket) this.#log.info({ ...named(seat), participants: others.length + 1, again: Boolean(replaced) }, 'joined');
    this.#answer(change);
  }

  #confirmed(change: Of<'confirmed'>): void {
    // The answer by which it got the seat may have been lost on the way from Redis.
    const socket = this.#waits(change)?.socket;
    if (socket && !holds(socket, change.seat)) this.#admit(socket, change.seat);
    this.#answer(change);
  }

  #admit(socket: CallSocket, { meetingId, userId, address }: Seat): void {
    const earlier = socket.data.seat;
    // It is about to be left, and what happens there is none of its business any more.
    if (earlier && earlier.meetingId !== meetingId) this.#audience.dismiss(address, earlier.meetingId);
    socket.data.seat = { meetingId, userId };
    if (socket.connected) void socket.join(roomOf(meetingId));
    // It was lost while it waited, and may come back.
    else this.#audience.memoryOf(address)?.enterAway(socket.id, roomOf(meetingId));
  }

  #answer(change: Of<'seated'> | Of<'confirmed'>): void {
    const { seat, others } = change;
    const joining = this.#waits(change);
    if (!joining) return;
    const { socket, answer } = joining;
    const list = listOf(seat, others);
    const { meetingId, participants } = list;
    // Before the list: on the list, the client calls the others.
    this.giveTurn(socket, seat.userId);
    socket.emit('call:peers-list', list);
    const iceServers = this.#iceServers.forParticipant(seat.userId);
    answer({ meetingId, self: describe(seat), participants, iceServers });
  }

  /** Sends TURN servers to a connection that has its seat again. */
  giveTurn(socket: CallSocket, userId: string): void {
    if (this.#iceServers.needsSeat) socket.emit('call:ice-servers', this.#iceServers.forParticipant(userId));
  }

  #held(change: Of<'held'>): void {
    const { seat, before, version } = change;
    const { meetingId, userId, address } = seat;
    if (before.address !== address) {
      const sid = socketIdOf(address);
      const session = {
        sid,
        pid: seat.ticket,
        rooms: [sid, roomOf(meetingId)],
        data: { seat: { meetingId, userId } },
      };
      this.#audience.memoryOf(before.address)?.detach(sid, version);
      this.#audience
        .memoryOf(address)
        ?.adopt(session, version, (lastHeard) => this.#missedElsewhere(change, lastHeard));
    }
    if (before.heldUntil === undefined)
      this.#audience.tell(meetingId, 'call:peer-reconnecting', participantEvent(seat), address);
  }

  /** What was said to a participant where it was before it moved here. */
  async #missedElsewhere(change: Of<'held'>, lastHeard: string): Promise<Missed> {
    const missed = await this.#post.collect(change.before.address, change.version, lastHeard).catch(() => undefined);
    return missed ?? newsSince(versionOf(lastHeard), change);
  }

  #resumed({ seat }: Of<'resumed'>): void {
    const { meetingId, address } = seat;
    const socket = this.#audience.socketAt(address);
    void socket?.join(roomOf(meetingId));
    this.#audience.tell(meetingId, 'call:peer-reconnected', participantEvent(seat), address);
    if (socket) this.#log.info(named(seat), 'reconnected');
  }

  #media({ seat, media }: Of<'media'>): void {
    const { meetingId, userId, username, isMuted, isVideoOn } = seat;
    const status = { userId, username, timestamp: isoNow() };
    if (media.isMuted !== undefined) this.#audience.tell(meetingId, 'call:mute-status', { ...status, isMuted });
    if (media.isVideoOn !== undefined) this.#audience.tell(meetingId, 'call:video-status', { ...status, isVideoOn });
  }

  #peer({ seat: { meetingId, userId, peerId, peerOnline: online } }: Of<'peer'>): void {
    this.#audience.tell(meetingId, 'call:peer-status', { userId, peerId, online });
  }

  #freed({ seat, reason }: Of<'freed'>): void {
    const { meetingId, address } = seat;
    const wasSeated = this.#unseat(seat);
    const socket = this.#audience.socketAt(address);
    if (reason === 'evicted') this.#audience.tellOne(address, 'call:error', errorOf(new CallError('PEER_ID_TAKEN')));
    if (socket?.data.seat?.meetingId !== meetingId) this.#audience.dismiss(address, meetingId);
    this.#audience.tell(meetingId, 'call:peer-left', { ...participantEvent(seat), reason });
    if (this.isHere(seat)) this.#log.info({ ...named(seat), reason }, 'left');
    // Its client does not know yet, and asks again once it is connected again.
    if (wasSeated && reason === 'lost') socket?.conn.close();
  }

  /** Who waits for this very answer. */
  #waits({ seat, request = 0 }: Of<'seated'> | Of<'confirmed'>): Joining | undefined {
    return this.isHere(seat) ? this.#joining.get(request) : undefined;
  }

  /** Somebody's earlier connection, whose seat was taken over, is told and is out. */
  #evict(seat: Seat): void {
    this.#unseat(seat);
    this.#audience.tellOne(seat.address, 'call:error', errorOf(new CallError('REPLACED')));
    this.#audience.dismiss(seat.address, seat.meetingId);
  }

  /** Whether the connection, if it stands, had this seat. */
  #unseat(key: SeatKey): boolean {
    const socket = this.#audience.socketAt(key.address);
    if (!socket || !holds(socket, key)) return false;
    socket.data.seat = undefined;
    return true;
  }
}

/**
 * The events for who was told everything up to a version, when nobody can tell any more what was said after it: who came
 * and left since, and how everybody is. Only who was not told yet that it has this seat gets the list of all, which means
 * to ring them.
 */
export function newsSince(version: number, { seat, others, departed = [] }: Moved): Missed {
  if (givenBy(seat) > version) return [['call:peers-list', listOf(seat, others)]];
  const came = [...others, ...departed.map((departure) => departure.seat)].map((seat) => ({
    version: givenBy(seat),
    news: ['call:peer-joined', participantEvent(seat)],
  }));
  const left = departed.map(({ seat, reason, version }) => ({
    version,
    news: ['call:peer-left', { ...participantEvent(seat), reason }],
  }));
  const since = [...came, ...left].filter((each) => each.version > version);
  const inOrder = since.sort((one, other) => one.version - other.version).map(({ news }) => news);
  const states = others.flatMap((seat) => {
    const { userId, username, peerId, isMuted, isVideoOn, peerOnline: online, heldUntil } = seat;
    const status = { userId, username, timestamp: isoNow() };
    return [
      ['call:peer-renamed', participantEvent(seat)],
      ['call:mute-status', { ...status, isMuted }],
      ['call:video-status', { ...status, isVideoOn }],
      ['call:peer-status', { userId, peerId, online }],
      [heldUntil === undefined ? 'call:peer-reconnected' : 'call:peer-reconnecting', participantEvent(seat)],
    ];
  });
  return [...inOrder, ...states];
}

export function errorOf(refusal: CallError): Omit<Refusal, 'success'> {
  const { success: _, ...rest } = toRefusal(refusal);
  return rest;
}

/** What the log tells of a participant. */
export const named = ({ meetingId, userId }: Pick<Seat, 'meetingId' | 'userId'>) => ({ meetingId, userId });

const givenBy = ({ version = '0' }: Seat) => Number(version);

function listOf({ meetingId }: Seat, others: Seat[]) {
  return { meetingId, participants: others.map(describe), count: others.length };
}

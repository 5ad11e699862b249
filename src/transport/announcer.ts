// Tells those participants who are on this node of what happens in their calls.

import { describe } from '../directory';
import { CallError, toRefusal } from '../errors';
import type { IceResolver } from '../ice';
import type { Logger } from '../logger';
import type { ParticipantEvent, Refusal, Replies } from '../protocol';
import type { Address, Change, Seat, SeatKey } from '../rooms';
import { roomOf, socketIdOf, type Audience, type CallSocket } from './audience';

/** A connection that asked for a seat. */
export interface Joining {
  socket: CallSocket;
  answer: (reply: Replies['call:join']) => void;
}

export interface AnnouncerOptions {
  audience: Audience;
  iceServersFor: IceResolver;
  log: Logger;
}

type Of<K extends Change['kind']> = Extract<Change, { kind: K }>;

export class Announcer {
  readonly #audience: Audience;
  readonly #iceServersFor: IceResolver;
  readonly #log: Logger;
  readonly #joining = new Map<Address, Joining>();

  constructor({ audience, iceServersFor, log }: AnnouncerOptions) {
    this.#audience = audience;
    this.#iceServersFor = iceServersFor;
    this.#log = log;
  }

  /**
   * While it asks, a connection waits for a seat. It is answered in the moment in which that is told: so
   * the list that it gets, and the events that follow, tell one consistent story.
   */
  async joins(address: Address, joining: Joining, ask: () => Promise<void>): Promise<void> {
    this.#joining.set(address, joining);
    await ask().finally(() => this.#joining.delete(address));
  }

  /** Whether a seat was given to a connection of this node that does not wait for one. */
  isUnwanted({ kind, seat }: Change): boolean {
    return kind === 'seated' && this.isHere(seat) && !this.#joining.has(seat.address);
  }

  isHere({ address }: Pick<Seat, 'address'>): boolean {
    return this.#audience.memoryOf(address) !== undefined;
  }

  tell(change: Change): void {
    switch (change.kind) {
      case 'seated':
        return this.#seated(change);
      case 'confirmed':
        return this.#answer(change);
      case 'held':
        return this.#held(change);
      case 'resumed':
        return this.#resumed(change);
      case 'media':
        return this.#media(change);
      case 'peer':
        return this.#peer(change);
      case 'freed':
        return this.#freed(change);
    }
  }

  #seated({ seat, others, replaced }: Of<'seated'>): void {
    const { meetingId, userId, address } = seat;
    if (replaced && replaced.address !== address) this.#evict(replaced);
    const socket = this.#joining.get(address)?.socket;
    if (socket) socket.data.seat = { meetingId, userId };
    if (socket?.connected) void socket.join(roomOf(meetingId));
    this.#audience.tell(meetingId, 'call:peer-joined', moment(seat), address);
    if (socket) this.#log.info({ ...named(seat), participants: others.length + 1, again: Boolean(replaced) }, 'joined');
    this.#answer({ seat, others });
  }

  #answer({ seat, others }: Pick<Of<'confirmed'>, 'seat' | 'others'>): void {
    const joining = this.#joining.get(seat.address);
    if (!joining) return;
    const list = listOf(seat, others);
    joining.socket.emit('call:peers-list', list);
    const { meetingId, participants } = list;
    joining.answer({ meetingId, self: describe(seat), participants, iceServers: this.#iceServersFor(seat.userId) });
  }

  #held({ seat, before }: Of<'held'>): void {
    const { meetingId, userId, address } = seat;
    if (before.address !== address) {
      const sid = socketIdOf(address);
      const session = { sid, pid: seat.ticket, rooms: [sid, roomOf(meetingId)], data: { seat: { meetingId, userId } } };
      this.#audience.memoryOf(before.address)?.detach(sid);
      this.#audience.memoryOf(address)?.adopt(session);
    }
    if (before.heldUntil === undefined) this.#audience.tell(meetingId, 'call:peer-reconnecting', moment(seat), address);
  }

  #resumed({ seat, others }: Of<'resumed'>): void {
    const { meetingId, address } = seat;
    const socket = this.#audience.socketAt(address);
    void socket?.join(roomOf(meetingId));
    if (socket?.data.isUninformed) socket.emit('call:peers-list', listOf(seat, others));
    this.#audience.tell(meetingId, 'call:peer-reconnected', moment(seat), address);
    if (socket) this.#log.info(named(seat), 'reconnected');
  }

  #media({ seat, media }: Of<'media'>): void {
    const { meetingId, userId, username, isMuted, isVideoOn } = seat;
    const status = { userId, username, timestamp: now() };
    if (media.isMuted !== undefined) this.#audience.tell(meetingId, 'call:mute-status', { ...status, isMuted });
    if (media.isVideoOn !== undefined) this.#audience.tell(meetingId, 'call:video-status', { ...status, isVideoOn });
  }

  #peer({ seat: { meetingId, userId, peerId, peerOnline: online } }: Of<'peer'>): void {
    this.#audience.tell(meetingId, 'call:peer-status', { userId, peerId, online });
  }

  #freed({ seat, reason }: Of<'freed'>): void {
    const { meetingId, address } = seat;
    const socket = this.#unseat(seat);
    if (socket?.data.seat?.meetingId !== meetingId) this.#audience.dismiss(address, meetingId);
    this.#audience.tell(meetingId, 'call:peer-left', { ...moment(seat), reason });
    if (this.isHere(seat)) this.#log.info({ ...named(seat), reason }, 'left');
    // Its client does not know yet, and asks again once it is connected again.
    if (reason === 'lost') socket?.conn.close();
  }

  /** Somebody's earlier connection, whose seat was taken over, is told and is out. */
  #evict(seat: Seat): void {
    this.#unseat(seat);
    this.#audience.tellOne(seat.address, 'call:error', errorOf(new CallError('REPLACED')));
    this.#audience.dismiss(seat.address, seat.meetingId);
  }

  #unseat({ meetingId, userId, address }: SeatKey): CallSocket | undefined {
    const socket = this.#audience.socketAt(address);
    const { seat } = socket?.data ?? {};
    if (socket && seat?.meetingId === meetingId && seat.userId === userId) socket.data.seat = undefined;
    return socket;
  }
}

export const now = () => new Date().toISOString();

export function errorOf(refusal: CallError): Omit<Refusal, 'success'> {
  const { success: _, ...rest } = toRefusal(refusal);
  return rest;
}

/** What the log tells of a participant. */
export const named = ({ meetingId, userId }: Pick<Seat, 'meetingId' | 'userId'>) => ({ meetingId, userId });

function moment({ userId, peerId, username }: Seat): ParticipantEvent {
  return { userId, peerId, username, timestamp: now() };
}

function listOf({ meetingId }: Seat, others: Seat[]) {
  return { meetingId, participants: others.map(describe), count: others.length };
}

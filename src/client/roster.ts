// Who else is in the call, as immutable objects: what changes is a new one, and is told once.

import type { LeaveReason, ParticipantInfo } from '../protocol';
import type { Participant } from './snapshot';

/** What the server tells of somebody who is in the call. */
export type Present = Omit<ParticipantInfo, 'joinedAt' | 'peerOnline'>;

export interface RosterListener {
  joined(participant: Participant): void;
  left(participant: Participant, reason: LeaveReason): void;
  changed(participant: Participant, previous: Participant): void;
}

export class Roster {
  readonly #participants = new Map<string, Participant>();
  #all: readonly Participant[] = [];
  readonly #listener: RosterListener;

  constructor(listener: RosterListener) {
    this.#listener = listener;
  }

  get(userId: string): Participant | undefined {
    return this.#participants.get(userId);
  }

  /** In the order in which they came; the same array until somebody changed. */
  all(): readonly Participant[] {
    return this.#all;
  }

  /** Somebody is in the call, for the first time or again. */
  put({ userId, peerId, username, isMuted, isVideoOn, reconnecting }: Present): void {
    const told = { peerId, username, isMuted, isVideoOn, isReconnecting: reconnecting };
    if (this.#participants.has(userId)) {
      this.update(userId, told);
      return;
    }
    const participant: Participant = {
      ...told,
      userId,
      isSpeaking: false,
      audioLevel: 0,
      connection: 'connecting',
      quality: undefined,
      stream: undefined,
    };
    this.#set(participant);
    this.#listener.joined(participant);
  }

  update(userId: string, changes: Partial<Participant>): void {
    const previous = this.#participants.get(userId);
    if (!previous || isSame(previous, changes)) return;
    const participant = { ...previous, ...changes };
    this.#set(participant);
    this.#listener.changed(participant, previous);
  }

  remove(userId: string, reason: LeaveReason): void {
    const participant = this.#participants.get(userId);
    if (!participant) return;
    this.#participants.delete(userId);
    this.#all = [...this.#participants.values()];
    this.#listener.left(participant, reason);
  }

  #set(participant: Participant): void {
    this.#participants.set(participant.userId, participant);
    this.#all = [...this.#participants.values()];
  }
}

/** Whether an object has these values already; objects in it count by identity, those of plain data by their fields. */
export function isSame<T extends object>(before: T, changes: Partial<T>): boolean {
  return (Object.keys(changes) as (keyof T)[]).every((key) => Object.is(before[key], changes[key]));
}

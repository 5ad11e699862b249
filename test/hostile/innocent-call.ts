// The innocent call: two people who talk while a server is under attack, and who must not notice.

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { fence, participant, peer, taken, type Participant, type PeerWire } from '../helpers';

/** One of the two: a participant of the call, and the PeerJS connection under the peer id it joined with. */
export interface Innocent {
  person: Participant;
  wire: PeerWire;
  /** The Socket.IO id at the beginning. Another one later would mean that the connection was lost. */
  socketId: string | undefined;
}

export class InnocentCall {
  readonly meetingId: string;
  /** On the namespace `/`. */
  readonly ana: Innocent;
  /** On the namespace `/call`. */
  readonly ben: Innocent;

  private constructor(meetingId: string, ana: Innocent, ben: Innocent) {
    this.meetingId = meetingId;
    this.ana = ana;
    this.ben = ben;
  }

  /** Two innocents in a call of their own, each of whom knows of the other. */
  static async begin(url: string): Promise<InnocentCall> {
    const meetingId = `innocent-${randomUUID()}`;
    const ana = await join(url, meetingId, 'ana', '/');
    const ben = await join(url, meetingId, 'ben', '/call');
    await ana.person.next('call:peer-joined');
    return new InnocentCall(meetingId, ana, ben);
  }

  /** Everything works as if nothing had happened, and nothing came that the two did not cause themselves. */
  async noticedNothing(): Promise<void> {
    const { ana, ben } = this;
    for (const [one, other] of [
      [ana, ben],
      [ben, ana],
    ] as const) {
      await mediaIsHeard(one, other);
      await fence(one.person, other.person);
      await frameIsRelayed(one, other);
    }
    for (const { person, wire, socketId } of [ana, ben]) {
      expect(person.rest(), `what ${person.userId} was told`).toEqual([]);
      expect(wire.inbox.rest(), `frames for ${person.userId}`).toEqual([]);
      expect(person.socket.connected && wire.ws.readyState === wire.ws.OPEN).toBe(true);
      expect(person.socket.id).toBe(socketId);
    }
  }
}

async function join(url: string, meetingId: string, userId: string, namespace: string): Promise<Innocent> {
  const peerId = `${userId}-${randomUUID()}`;
  const wire = await peer(url, peerId);
  const person = await participant(url, { meetingId, userId, peerId }, { namespace });
  // Not an event of ours, but something that would be noticed.
  person.socket.on('disconnect', (reason) => person.inbox.put(['disconnect', reason]));
  return { person, wire, socketId: person.socket.id };
}

async function mediaIsHeard({ person }: Innocent, { person: other }: Innocent): Promise<void> {
  const { meetingId, userId } = person;
  for (const [event, isMuted] of [
    ['call:unmute', false],
    ['call:mute', true],
  ] as const) {
    taken(await person.ask(event, { meetingId, userId }));
    for (const listener of [person, other])
      expect(await listener.next('call:mute-status')).toMatchObject({ userId, isMuted });
  }
}

async function frameIsRelayed(one: Innocent, other: Innocent): Promise<void> {
  const marker = randomUUID();
  one.wire.send({ type: 'OFFER', dst: other.person.peerId, payload: { marker } });
  const frame = await other.wire.inbox.next((came) => JSON.stringify(came).includes(marker), 'a frame of an innocent');
  expect(frame).toMatchObject({ type: 'OFFER', src: one.person.peerId, payload: { marker } });
}

// Socket.IO clients that speak to our server or to a bare one: the same deeds, each in the words of the other side.

import { io, type Socket } from 'socket.io-client';
import type { Subject } from '../subject';
import { withDeadline, type Lane } from './lanes';
import { mix, type Kind } from './messages';

export interface Participant {
  room: string;
  userId: string;
  peerId: string;
  username: string;
}

/** How a server is spoken to. */
interface Language {
  join(socket: Socket, who: Participant): void;
  /** Settles when the server has let go. */
  leave(socket: Socket, who: Participant): Promise<unknown>;
  /** Calls back with the user ids of others, whenever the server names some. */
  onOthers(socket: Socket, named: (userIds: string[]) => void): void;
  signalEvent: string;
  /** Whether signals pass between those alone who are in a call. */
  isForCallsOnly: boolean;
  signal(from: Participant, to: Participant, toSocketId: string, kind: Kind, body: unknown): unknown;
}

const SIGNAL_TYPES: Record<Kind, string> = { offer: 'offer', answer: 'answer', candidate: 'ice-candidate' };

const parties = (from: Participant, to: Participant) => ({
  meetingId: from.room,
  fromUserId: from.userId,
  toUserId: to.userId,
  fromPeerId: from.peerId,
  toPeerId: to.peerId,
});

const ours: Language = {
  join: (socket, { room, ...who }) => socket.emit('call:join', { meetingId: room, ...who }),
  leave: (socket, { room, userId }) => socket.emitWithAck('call:leave', { meetingId: room, userId }),
  onOthers(socket, named) {
    socket.on('call:peers-list', ({ participants }: { participants: { userId: string }[] }) =>
      named(participants.map(({ userId }) => userId)),
    );
    socket.on('call:peer-joined', ({ userId }: { userId: string }) => named([userId]));
  },
  signalEvent: 'call:signal',
  isForCallsOnly: true,
  signal: (from, to, _toSocketId, kind, signal) => ({
    ...parties(from, to),
    signal,
    signalType: SIGNAL_TYPES[kind],
  }),
};

const bare: Language = {
  join: (socket, who) => socket.emit('join', who),
  leave: (socket, who) => socket.emitWithAck('leave', who),
  onOthers(socket, named) {
    socket.on('list', (others: { userId: string }[]) => named(others.map(({ userId }) => userId)));
    socket.on('joined', ({ userId }: { userId: string }) => named([userId]));
  },
  signalEvent: 'signal',
  isForCallsOnly: false,
  signal: (from, to, toSocketId, kind, signal) => ({
    ...parties(from, to),
    signal,
    signalType: SIGNAL_TYPES[kind],
    to: toSocketId,
  }),
};

/** The nodes of one service, or one that is alone. */
export type Nodes = readonly [Subject, ...Subject[]];

const languageOf = ({ name }: Subject) => (name === 'back-call' ? ours : bare);

export function connect({ doors }: Subject): Promise<Socket> {
  const socket = io(doors.signaling, { transports: ['websocket'], forceNew: true, reconnection: false });
  return new Promise((resolve, reject) => {
    socket.once('connect_error', reject);
    socket.once('connect', () => resolve(socket));
  });
}

/** People in calls of `size`, who are connected but have not joined. */
export class Crowd {
  readonly #language: Language;
  readonly #members: { who: Participant; socket: Socket; known: Set<string> }[];
  readonly #size: number;
  #onNews: () => void = () => undefined;

  constructor(subject: Subject, sockets: readonly Socket[], size: number) {
    this.#language = languageOf(subject);
    this.#size = size;
    this.#members = sockets.map((socket, index) => ({
      who: participant(`call-${Math.floor(index / size)}`, `user-${index}`),
      socket,
      known: new Set<string>(),
    }));
    for (const { socket, known } of this.#members)
      this.#language.onOthers(socket, (userIds) => {
        for (const userId of userIds) known.add(userId);
        this.#onNews();
      });
  }

  /** Everybody joins at once; settles when everybody knows everybody else in the same call. */
  async join(): Promise<void> {
    const isDone = () => this.#members.every(({ known }) => known.size === this.#size - 1);
    const done = new Promise<void>((resolve) => {
      // Cheap enough to ask each time: it stops at the first who does not know all.
      this.#onNews = () => isDone() && resolve();
    });
    for (const { socket, who } of this.#members) this.#language.join(socket, who);
    await withDeadline(done);
  }

  /** Everybody leaves. */
  async leave(): Promise<void> {
    await Promise.all(
      this.#members.map(({ socket, who, known }) => {
        known.clear();
        return this.#language.leave(socket, who);
      }),
    );
  }
}

/** So many connections, spread evenly over the nodes of one service. */
function connectTo(nodes: Nodes, count: number): Promise<Socket[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => connect(nodes[index % nodes.length] ?? nodes[0])));
}

/**
 * Pairs of participants, each pair in a call of its own, as lanes in both directions; on two nodes, one of each pair is
 * on each.
 */
export async function signalLanes(nodes: Nodes, pairs: number): Promise<Lane[]> {
  const language = languageOf(nodes[0]);
  const sockets = await connectTo(nodes, 2 * pairs);
  if (language.isForCallsOnly) await new Crowd(nodes[0], sockets, 2).join();
  return sockets.map((socket, index) => {
    // Neighbours: 0 and 1, 2 and 3, …
    const other = index ^ 1;
    const peer = sockets[other] as Socket;
    const room = `call-${Math.floor(index / 2)}`;
    const [from, to] = [participant(room, `user-${index}`), participant(room, `user-${other}`)];
    const signals = mix.map(({ kind, body }) => language.signal(from, to, peer.id ?? '', kind, body));
    const lane: Lane = {
      send: (n) => socket.emit(language.signalEvent, signals[n % signals.length]),
      arrived: () => undefined,
    };
    peer.on(language.signalEvent, () => lane.arrived());
    return lane;
  });
}

/** Goes into a call and out of it again. */
export type Visit = () => Promise<void>;

/** Calls of `size` of ours with one seat free each, and who takes that seat and gives it back. */
export async function visits(nodes: Nodes, calls: number, size: number): Promise<Visit[]> {
  const sockets = await connectTo(nodes, calls * (size - 1));
  await new Crowd(nodes[0], sockets, size - 1).join();
  const visitors = await connectTo(nodes, calls);
  return visitors.map((socket, index) => {
    const { room, ...who } = participant(`call-${index}`, `visitor-${index}`);
    return async () => {
      for (const [event, request] of [
        ['call:join', who],
        ['call:leave', { userId: who.userId }],
      ] as const) {
        const answer = (await socket.emitWithAck(event, { meetingId: room, ...request })) as { success: boolean };
        if (!answer.success) throw new Error(`${event} was refused: ${JSON.stringify(answer)}`);
      }
    };
  });
}

function participant(room: string, userId: string): Participant {
  return { room, userId, peerId: `peer-${userId}`, username: `Name of ${userId}` };
}

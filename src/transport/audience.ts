// Whom the signaling door speaks to: everybody in a call, or one connection, in whichever namespace they are.

import type { Namespace, Server, Socket } from 'socket.io';
import { NAMESPACES } from '../doors';
import type { ClientToServerEvents, ServerEvent, ServerToClientEvents } from '../protocol';
import type { Address } from '../rooms';
import type { Allowance } from './limits';

export interface SocketData {
  /** What this connection joined; whether the seat is still its own, the rooms know. */
  seat?: { meetingId: string; userId: string } | undefined;
  allowance: Allowance;
}

type Internal = Record<string, never>;
export type CallIo = Server<ClientToServerEvents, ServerToClientEvents, Internal, SocketData>;
export type CallNamespace = Namespace<ClientToServerEvents, ServerToClientEvents, Internal, SocketData>;
export type CallSocket = Socket<ClientToServerEvents, ServerToClientEvents, Internal, SocketData>;
type PayloadOf<E extends ServerEvent> = Parameters<ServerToClientEvents[E]>[0];

export class Audience {
  readonly namespaces: CallNamespace[];

  constructor(io: CallIo) {
    this.namespaces = NAMESPACES.map((name) => io.of(name));
  }

  /** Tells everybody in a call, but for one connection. */
  tell<E extends ServerEvent>(meetingId: string, event: E, payload: PayloadOf<E>, except: Address = ''): void {
    for (const namespace of this.namespaces)
      namespace
        .to(roomOf(meetingId))
        .except(socketIdOf(except))
        .emit(event, ...([payload] as Parameters<ServerToClientEvents[E]>));
  }

  /** Tells one connection, wherever and whether or not it is connected now. */
  tellOne<E extends ServerEvent>(address: Address, event: E, payload: PayloadOf<E>): void {
    this.#at(address)?.emit(event, ...([payload] as Parameters<ServerToClientEvents[E]>));
  }

  /** Takes a connection out of a call's audience, also one that is away and may come back. */
  dismiss(address: Address, meetingId: string): void {
    this.#at(address)?.socketsLeave(roomOf(meetingId));
  }

  #at(address: Address) {
    const namespace = this.namespaces.find(({ name }) => address.startsWith(`${name}#`));
    return namespace?.to(socketIdOf(address));
  }
}

/** Prefixed, so that no meeting id is the name of another room: Socket.IO has one for every socket's id. */
export const roomOf = (meetingId: string): string => `call:${meetingId}`;

/** A connection's address: its namespace and its id, by which Socket.IO finds it on any node. */
export const addressOf = (socket: CallSocket): Address => `${socket.nsp.name}#${socket.id}`;

const socketIdOf = (address: Address): string => address.slice(address.indexOf('#') + 1);

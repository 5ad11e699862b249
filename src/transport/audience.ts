// Whom the signaling door speaks to: everybody in a call, or one connection, in whichever namespace they are.

import type { Namespace, Server, Socket } from 'socket.io';
import { NAMESPACES } from '../doors';
import type { ClientToServerEvents, ServerEvent, ServerToClientEvents } from '../protocol';
import type { Address, SeatKey } from '../rooms';
import type { Allowance } from './limits';
import { RecoveryAdapter } from './recovery';

export interface SocketData {
  /** The seat that this connection holds, as far as it was told. */
  seat?: { meetingId: string; userId: string } | undefined;
  allowance: Allowance;
}

type Internal = Record<string, never>;
export type CallIo = Server<ClientToServerEvents, ServerToClientEvents, Internal, SocketData>;
export type CallNamespace = Namespace<ClientToServerEvents, ServerToClientEvents, Internal, SocketData>;
export type CallSocket = Socket<ClientToServerEvents, ServerToClientEvents, Internal, SocketData>;
type PayloadOf<E extends ServerEvent> = Parameters<ServerToClientEvents[E]>[0];

/** The participants whose connections are on this node, also those that are away and may come back. */
export class Audience {
  readonly namespaces: CallNamespace[];
  readonly #node: string;

  constructor(io: CallIo, node: string) {
    this.namespaces = NAMESPACES.map((name) => io.of(name));
    this.#node = node;
  }

  /** A connection's address: its node, its namespace and its id. */
  addressOf({ nsp, id }: { nsp: { name: string }; id: string }): Address {
    return `${this.#node}${nsp.name}#${id}`;
  }

  /** The connection at an address, if it stands. */
  socketAt(address: Address): CallSocket | undefined {
    return this.#namespaceOf(address)?.sockets.get(socketIdOf(address));
  }

  /** The memory of what was said where an address is; undefined if that is on another node. */
  memoryOf(address: Address): RecoveryAdapter | undefined {
    const adapter = this.#namespaceOf(address)?.adapter;
    return adapter instanceof RecoveryAdapter ? adapter : undefined;
  }

  /** Tells everybody in a call, but for one connection. */
  tell<E extends ServerEvent>(meetingId: string, event: E, payload: PayloadOf<E>, except: Address = ''): void {
    for (const namespace of this.namespaces)
      namespace
        .to(roomOf(meetingId))
        .except(socketIdOf(except))
        .emit(event, ...([payload] as Parameters<ServerToClientEvents[E]>));
  }

  /** Tells one connection, whether or not it is connected now. */
  tellOne<E extends ServerEvent>(address: Address, event: E, payload: PayloadOf<E>): void {
    const namespace = this.#namespaceOf(address);
    namespace?.to(socketIdOf(address)).emit(event, ...([payload] as Parameters<ServerToClientEvents[E]>));
  }

  /** Takes a connection out of a call's audience, also one that is away and may come back. */
  dismiss(address: Address, meetingId: string): void {
    this.#namespaceOf(address)?.to(socketIdOf(address)).socketsLeave(roomOf(meetingId));
  }

  #namespaceOf(address: Address): CallNamespace | undefined {
    return this.namespaces.find(({ name }) => address.startsWith(`${this.#node}${name}#`));
  }
}

/** Whether a connection was told that it has this seat. */
export const holds = ({ data: { seat } }: CallSocket, { meetingId, userId }: Omit<SeatKey, 'address'>): boolean =>
  seat?.meetingId === meetingId && seat.userId === userId;

/** Prefixed, so that no meeting id is the name of another room: Socket.IO has one for every socket's id. */
export const roomOf = (meetingId: string): string => `${CALL_PREFIX}${meetingId}`;

/** The meeting id of a room; empty, and so no meeting id, for a socket's own room. */
export const meetingOf = (room: string): string => (room.startsWith(CALL_PREFIX) ? room.slice(CALL_PREFIX.length) : '');

const CALL_PREFIX = 'call:';

export const socketIdOf = (address: Address): string => address.slice(address.indexOf('#') + 1);

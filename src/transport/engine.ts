// The Engine.IO server under Socket.IO: its limits, its slow readers, and what the close of a connection meant.

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Server as EngineServer, type Socket as Connection } from 'engine.io';
import { WebSocket, WebSocketServer, type ServerOptions } from 'ws';
import { PING } from '../doors';
import { CallError } from '../errors';
import { MESSAGE_LIMITS } from './limits';

/** Larger packets end the connection (1009), smaller ones are answered, if only by a refusal. */
const MAX_PACKET_BYTES = 1.1 * 1024 * 1024;
/** What may wait for a reader that does not read. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** Above this, the client gets no more signals. The rest is for status events and acknowledgements. */
const CONGESTED_BYTES = 0.75 * MAX_WAITING_BYTES;
/** The WebSocket close code of a page that went away (RFC 6455, 7.4.1): closed, reloaded, left or crashed. */
const GOING_AWAY = 1001;

/** The bytes that wait in each Engine.IO connection for its transport. */
const waitingBytes = new WeakMap<Connection, number>();

/** Whether so much waits for a slow client that it should get no more signals. */
export function isCongested(connection: Connection): boolean {
  const { socket } = connection.transport as { socket?: WebSocket };
  return (waitingBytes.get(connection) ?? 0) + (socket?.bufferedAmount ?? 0) > CONGESTED_BYTES;
}

/** The connections that ended because their page went away. */
const gone = new WeakSet<Connection>();

/** Whether an ended connection ended because its page went away. */
export async function wentAway(connection: Connection, cause: string): Promise<boolean> {
  // A page's goodbye is followed by its end, and what is sent to it in between fails. Engine.IO hears of that first;
  // the code comes with the end.
  const { socket } = connection.transport as { socket?: WebSocket };
  if (cause === 'transport error' && socket?.readyState === WebSocket.CLOSING) await once(socket, 'close');
  return gone.has(connection);
}

/** `ws`, with two seconds instead of thirty for a client to end a connection that is being closed. */
class PromptWebSocketServer extends WebSocketServer {
  constructor(options: ServerOptions) {
    super({ ...options, ...MESSAGE_LIMITS, closeTimeout: 2000 } as ServerOptions);
  }
}

export interface Engine {
  engine: EngineServer;
  /** Settles when nothing waits to be sent: what was answered last is on its way, too. */
  flushed: () => Promise<void>;
  sessions: Sessions;
}

/** The Engine.IO sessions of connected clients. */
export interface Sessions {
  /** Returns the session to which a request belongs; undefined until the request has begun one. */
  idOf: (req: IncomingMessage) => string | undefined;
  /** Whether the client uses long polling. */
  isPolling: (id: string) => boolean;
}

/**
 * Refuses clients of Socket.IO 1.x and 2.x, which send `EIO=3` or no version, with `UNSUPPORTED_PROTOCOL_VERSION`. Engine.IO
 * itself would accept their WebSocket first, and then write an HTTP response into it.
 */
export function checkProtocol(req: Pick<IncomingMessage, 'url'>): void {
  if (queryOf(req).EIO !== '4') throw new CallError('UNSUPPORTED_PROTOCOL_VERSION');
}

/** Reads the query as Engine.IO does: of a name that is there twice, the last counts. */
export const queryOf = ({ url }: Pick<IncomingMessage, 'url'>): Record<string, string | undefined> =>
  Object.fromEntries(new URLSearchParams(url?.split('?')[1]));

/** `clientAddressOf` becomes the `remoteAddress` of each connection. */
export function createEngine(clientAddressOf: (req: IncomingMessage) => string): Engine {
  const engine = new EngineServer({
    pingInterval: PING.interval,
    pingTimeout: PING.timeout,
    maxHttpBufferSize: MAX_PACKET_BYTES,
    wsEngine: PromptWebSocketServer,
  });
  const unsent = new Set<Connection>();
  const begun = new WeakMap<IncomingMessage, string>();
  engine.on('connection', (connection: Connection) => {
    begun.set(connection.request, connection['id'] as string);
    closeInOrder(connection.transport);
    Object.assign(connection, { remoteAddress: clientAddressOf(connection.request) });
    watchSocket(connection);
    watchWhatWaits(connection, unsent);
    // Of no use after the handshake, and the largest part of an idle connection's memory.
    const forgetRequest = () => Object.assign(connection, { request: null });
    setImmediate(forgetRequest);
    connection.once('upgrade', forgetRequest);
  });
  const clients: Record<string, Connection> = engine['clients'];
  return {
    engine,
    sessions: {
      idOf: (req) => {
        const { sid = begun.get(req) ?? '' } = queryOf(req);
        return Object.hasOwn(clients, sid) ? sid : undefined;
      },
      isPolling: (id) => clients[id]?.transport.name === 'polling',
    },
    flushed: async () => {
      await Promise.all([...unsent].map((each) => Promise.race([once(each, 'flush'), once(each, 'close')])));
    },
  };
}

/**
 * Defers the close of a long-polling transport. Socket.IO handles each packet one tick after Engine.IO received it, but a close at once.
 * So a DISCONNECT would be lost if the same request contained a close packet after it.
 */
function closeInOrder(transport: Connection['transport']): void {
  if (transport.name !== 'polling') return;
  const closing = transport as unknown as { onClose: () => void };
  const close = closing.onClose.bind(transport);
  closing.onClose = () => process.nextTick(close);
}

function watchSocket(connection: Connection): void {
  const watch = (transport: Connection['transport']) => {
    const { socket } = transport as { socket?: WebSocket };
    // Each ping makes a pong, which waits for a reader like anything else.
    socket?.on('ping', () => {
      if (socket.bufferedAmount > MAX_WAITING_BYTES) socket.terminate();
    });
    // First in line: Engine.IO's own listener, which knows no close codes, ends the connection in the same event.
    socket?.prependOnceListener('close', (code) => {
      if (code === GOING_AWAY) gone.add(connection);
    });
  };
  watch(connection.transport);
  connection.once('upgrade', watch);
}

/** Keeps `unsent` to the connections that something waits for, and cuts off who lets too much wait. */
function watchWhatWaits(connection: Connection, unsent: Set<Connection>): void {
  connection.on('packetCreate', ({ data }: { data?: string | Buffer }) => {
    unsent.add(connection);
    const waiting = (waitingBytes.get(connection) ?? 0) + (data?.length ?? 0);
    waitingBytes.set(connection, waiting);
    if (waiting > MAX_WAITING_BYTES) connection.close(true);
  });
  const sent = () => {
    unsent.delete(connection);
    waitingBytes.delete(connection);
  };
  connection.on('flush', sent);
  connection.once('close', sent);
}

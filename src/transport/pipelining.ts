// HTTP pipelining (RFC 9112, 9.3.2): handles one request per connection at a time.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** How many requests of one connection may wait for the response before theirs. */
const MAX_WAITING = 100;

const waiting = new WeakMap<Socket, number>();

/**
 * Calls `handle` when the responses before this one are finished. Node.js emits `request` for each pipelined request at
 * once, but a response that waits for its turn emits neither `finish` nor `close` when its connection ends. So a handler
 * that had started would keep its files and timers. Destroys connections that pipeline too many requests.
 */
export function inTurn({ socket }: IncomingMessage, res: ServerResponse, handle: () => void): void {
  if (socket.destroyed) return;
  if (res.socket) return handle();
  const count = (waiting.get(socket) ?? 0) + 1;
  if (count > MAX_WAITING) return void socket.destroy();
  waiting.set(socket, count);
  res.once('socket', () => {
    waiting.set(socket, (waiting.get(socket) ?? 1) - 1);
    handle();
  });
}

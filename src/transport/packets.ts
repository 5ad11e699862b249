// What Socket.IO packets one connection may send: no more connects than a client needs, no hoard of attachments.

import * as parser from 'socket.io-parser';
import { CallError } from '../errors';
import { MAX_SIGNAL_BYTES } from '../protocol';
import { Allowance } from './limits';

/** A client connects once to each namespace, and again after it was refused. */
const MAX_CONNECTS = { count: 20, windowMs: 10_000 };

/** One per connection, before anything else of Socket.IO. What it throws ends the connection. */
class GuardedDecoder extends parser.Decoder {
  readonly #connects = new Allowance(MAX_CONNECTS.count, MAX_CONNECTS.windowMs);
  #attached = 0;

  override add(data: string | Buffer): void {
    // Attachments follow their packet, and are kept until all of them came.
    this.#attached = typeof data === 'string' ? 0 : this.#attached + data.length;
    if (this.#attached > MAX_SIGNAL_BYTES) throw new CallError('INVALID_PAYLOAD');
    // Socket.IO connects asynchronously, and makes a socket of each connect that comes before the first one is done.
    if (isConnect(data) && this.#connects.take() > 0) throw new CallError('RATE_LIMITED');
    super.add(data);
  }
}

/** Read as Socket.IO reads it: an empty packet is a connect, too. */
const isConnect = (data: string | Buffer) =>
  typeof data === 'string' && Number(data.charAt(0)) === (parser.PacketType.CONNECT as number);

export const guardedParser = { ...parser, Decoder: GuardedDecoder };

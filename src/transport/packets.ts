// What Socket.IO packets one connection may send: no more connects than a client needs, no large payloads that are kept.

import * as parser from 'socket.io-parser';
import { CallError } from '../errors';
import { jsonSize } from '../json';
import { MAX_AUTH_BYTES, MAX_JSON_DEPTH, MAX_SIGNAL_BYTES } from '../protocol';
import { Allowance } from './limits';

/** A client connects once to each namespace, and again after it was refused. */
const MAX_CONNECTS = { count: 20, windowMs: 10_000 };

/** Longer texts of a connect are not parsed: 64 KiB have room for 4 KiB of `auth`, escaped, and for a long namespace. */
const MAX_CONNECT_LENGTH = 64 * 1024;

/** Takes the place of an `auth` payload that is too large. Socket.IO would keep the payload with the socket. */
const OVERSIZED_AUTH = Object.freeze({});

/** Whether a client sent an `auth` payload that is too large. */
export const isOversized = (auth: object): boolean => auth === OVERSIZED_AUTH;

/** One per connection, before anything else of Socket.IO. What it throws ends the connection. */
class GuardedDecoder extends parser.Decoder {
  readonly #connects = new Allowance(MAX_CONNECTS.count, MAX_CONNECTS.windowMs);
  #attached = 0;
  #isUnparsed = false;

  constructor() {
    super();
    this.on('decoded', (packet: parser.Packet) => {
      if (packet.type !== parser.PacketType.CONNECT) return;
      if (this.#isUnparsed || jsonSize(packet.data, MAX_JSON_DEPTH) > MAX_AUTH_BYTES) packet.data = OVERSIZED_AUTH;
    });
  }

  override add(data: string | Buffer): void {
    // Socket.IO keeps a packet with attachments until all of them arrived.
    this.#attached = typeof data !== 'string' ? this.#attached + data.length : hasAttachments(data) ? data.length : 0;
    if (this.#attached > MAX_SIGNAL_BYTES) throw new CallError('INVALID_PAYLOAD');
    // Socket.IO connects asynchronously, and makes a socket of each connect that comes before the first one is done.
    if (isConnect(data) && this.#connects.take() > 0) throw new CallError('RATE_LIMITED');
    const isUnparsed = isConnect(data) && data.length > MAX_CONNECT_LENGTH;
    this.#isUnparsed = isUnparsed;
    super.add(isUnparsed ? withoutPayload(data) : data);
  }
}

/** Read as Socket.IO reads it: an empty packet is a connect, too. */
const isConnect = (data: string | Buffer): data is string =>
  typeof data === 'string' && Number(data.charAt(0)) === (parser.PacketType.CONNECT as number);

/** A connect without its payload: what is left are its type and its namespace, which ends with a comma. */
const withoutPayload = (connect: string) =>
  connect.charAt(1) === '/' ? connect.slice(0, connect.indexOf(',') + 1 || connect.length) : connect.charAt(0);

const { BINARY_EVENT, BINARY_ACK } = parser.PacketType;
const hasAttachments = (data: string) => [`${BINARY_EVENT}`, `${BINARY_ACK}`].includes(data.charAt(0));

export const guardedParser = { ...parser, Decoder: GuardedDecoder };

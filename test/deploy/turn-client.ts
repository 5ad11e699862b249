// A TURN client over TCP, as far as a test needs one: allocations and permissions (RFC 8656, RFC 6062, RFC 8489).

import { createHash, createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import ipaddr from 'ipaddr.js';
import { onTestFinished } from 'vitest';
import { Inbox } from '../helpers';

const METHOD = { allocate: 0x003, createPermission: 0x008 } as const;
const ATTRIBUTE = {
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  xorPeerAddress: 0x0012,
  realm: 0x0014,
  nonce: 0x0015,
  requestedAddressFamily: 0x0017,
  requestedTransport: 0x0019,
} as const;
const PROTOCOL = { udp: 17, tcp: 6 } as const;
const ERROR_CLASS = 0x0110;
const MAGIC_COOKIE = Buffer.from([0x21, 0x12, 0xa4, 0x42]);
const HEADER_BYTES = 20;

interface Answer {
  transaction: Buffer;
  isError: boolean;
  attributes: Map<number, Buffer>;
}

export interface Credentials {
  username: string;
  credential: string;
}

export class TurnClient {
  readonly #socket: Socket;
  readonly #credentials: Credentials;
  readonly #answers = new Inbox<Answer>();
  #realm: Buffer = Buffer.alloc(0);
  #nonce: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket, credentials: Credentials) {
    this.#socket = socket;
    this.#credentials = credentials;
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      for (;;) {
        const end = received.length < HEADER_BYTES ? Infinity : HEADER_BYTES + received.readUInt16BE(2);
        if (received.length < end) return;
        this.#answers.put(parse(received.subarray(0, end)));
        received = received.subarray(end);
      }
    });
  }

  static async open(port: number, credentials: Credentials, host = '127.0.0.1'): Promise<TurnClient> {
    const socket = connect(port, host);
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    return new TurnClient(socket, credentials);
  }

  /** Requests a relayed transport address. Returns the STUN error code, or 0. */
  async allocate(protocol: keyof typeof PROTOCOL = 'udp', family: 'ipv4' | 'ipv6' = 'ipv4'): Promise<number> {
    const requested: [number, Buffer][] = [
      [ATTRIBUTE.requestedTransport, Buffer.from([PROTOCOL[protocol], 0, 0, 0])],
      [ATTRIBUTE.requestedAddressFamily, Buffer.from([family === 'ipv4' ? 1 : 2, 0, 0, 0])],
    ];
    // The first answer has the realm and the nonce, with which requests are signed.
    const challenge = await this.#request(METHOD.allocate, requested, false);
    this.#realm = challenge.attributes.get(ATTRIBUTE.realm) ?? this.#realm;
    this.#nonce = challenge.attributes.get(ATTRIBUTE.nonce) ?? this.#nonce;
    return codeOf(await this.#request(METHOD.allocate, requested));
  }

  /** Requests permission to send to an address and receive from it. Returns the STUN error code, or 0. */
  async permit(address: string): Promise<number> {
    const answer = await this.#request(METHOD.createPermission, (transaction) => [
      [ATTRIBUTE.xorPeerAddress, xorAddress(address, transaction)],
    ]);
    return codeOf(answer);
  }

  #request(
    method: number,
    attributes: [number, Buffer][] | ((transaction: Buffer) => [number, Buffer][]),
    isSigned = true,
  ): Promise<Answer> {
    const transaction = randomBytes(12);
    const login: [number, Buffer][] = [
      [ATTRIBUTE.username, Buffer.from(this.#credentials.username)],
      [ATTRIBUTE.realm, this.#realm],
      [ATTRIBUTE.nonce, this.#nonce],
    ];
    const own = typeof attributes === 'function' ? attributes(transaction) : attributes;
    const body = Buffer.concat([...own, ...(isSigned ? login : [])].map(([type, value]) => encode(type, value)));
    if (!isSigned) this.#socket.write(Buffer.concat([header(method, body.length, transaction), body]));
    else {
      // The length already counts the signature, which has 24 bytes (RFC 8489, 14.5).
      const signed = Buffer.concat([header(method, body.length + 24, transaction), body]);
      const { username, credential } = this.#credentials;
      const key = createHash('md5').update(`${username}:${this.#realm.toString()}:${credential}`).digest();
      const signature = createHmac('sha1', key).update(signed).digest();
      this.#socket.write(Buffer.concat([signed, encode(ATTRIBUTE.messageIntegrity, signature)]));
    }
    return this.#answers.next((answer) => answer.transaction.equals(transaction), 'a TURN answer');
  }
}

function header(method: number, length: number, transaction: Buffer): Buffer {
  const type = Buffer.alloc(4);
  type.writeUInt16BE(method, 0);
  type.writeUInt16BE(length, 2);
  return Buffer.concat([type, MAGIC_COOKIE, transaction]);
}

function encode(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

function parse(message: Buffer): Answer {
  const attributes = new Map<number, Buffer>();
  for (let at = HEADER_BYTES; at < message.length;) {
    const length = message.readUInt16BE(at + 2);
    attributes.set(message.readUInt16BE(at), message.subarray(at + 4, at + 4 + length));
    at += 4 + length + ((4 - (length % 4)) % 4);
  }
  const isError = (message.readUInt16BE(0) & ERROR_CLASS) === ERROR_CLASS;
  return { transaction: message.subarray(8, HEADER_BYTES), isError, attributes };
}

function codeOf({ isError, attributes }: Answer): number {
  const error = attributes.get(ATTRIBUTE.errorCode);
  return isError && error ? error.readUInt8(2) * 100 + error.readUInt8(3) : 0;
}

/** XOR-PEER-ADDRESS (RFC 8489, 14.2) with port 9, which is enough for a permission. */
function xorAddress(text: string, transaction: Buffer): Buffer {
  const bytes = Buffer.from(ipaddr.parse(text).toByteArray());
  const mask = Buffer.concat([MAGIC_COOKIE, transaction]);
  const address = bytes.map((byte, index) => byte ^ (mask[index] ?? 0));
  const port = Buffer.alloc(2);
  port.writeUInt16BE(9 ^ mask.readUInt16BE(0));
  return Buffer.concat([Buffer.from([0, bytes.length === 4 ? 1 : 2]), port, address]);
}

// Our PeerJS peer: one id at the broker, which it stays connected to for as long as the call lasts.

import PeerJS, { type CallOption, type MediaConnection } from 'peerjs';
import type { Address } from './address';
import { backoff } from './backoff';

/** After so long a connection that does not open is tried anew. A host that sleeps holds it for up to a minute. */
const OPEN_MS = 20_000;

export interface BrokerListener {
  /** The broker is connected: calls can be made. */
  opened(): void;
  closed(): void;
  /** Our peer id is another one now, and nobody is connected to it yet. */
  renamed(): void;
  called(connection: MediaConnection): void;
}

export class Broker {
  readonly #address: Address;
  readonly #listener: BrokerListener;
  #peer: PeerJS;
  #peerId = randomId();
  #configuration: RTCConfiguration = {};
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #isClosed = false;

  constructor(address: Address, listener: BrokerListener) {
    this.#address = address;
    this.#listener = listener;
    this.#peer = this.#open();
  }

  get peerId(): string {
    return this.#peerId;
  }

  get isOpen(): boolean {
    return this.#peer.open;
  }

  /** For all connections to come. */
  configure(configuration: RTCConfiguration): void {
    this.#configuration = configuration;
    this.#peer.options.config = configuration;
  }

  /** Calls a peer; undefined while the broker is away, because PeerJS would drop the offer without a word. */
  call(peerId: string, stream: MediaStream, options: CallOption): MediaConnection | undefined {
    return this.isOpen ? this.#peer.call(peerId, stream, options) : undefined;
  }

  /** The connection is in doubt: makes a new one, under the same id and token. What is connected to peers stays. */
  renew(): void {
    this.#peer.disconnect();
    this.wake();
  }

  /** Does not wait any longer to connect again. */
  wake(): void {
    this.#failures = 0;
    this.#reconnect();
  }

  /** Goes on under another id. */
  rename(): void {
    this.#peer.destroy();
  }

  /** Ends the connection to the broker, and those to all peers. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#peer.destroy();
  }

  #open(): PeerJS {
    const { peer: address } = this.#address;
    // An id of our own spares the request for one, and a token of our own lets us come back to it.
    const options = { ...address, token: randomId(), config: this.#configuration, debug: 0 };
    // PeerJS types its options as a class of its own, and takes any object.
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment
    const peer = new PeerJS(this.#peerId, options);
    peer.on('open', () => {
      this.#failures = 0;
      clearTimeout(this.#timer);
      this.#listener.opened();
    });
    peer.on('call', (connection) => this.#listener.called(connection));
    peer.on('disconnected', () => this.#lost());
    // The id is somebody else's now. With another one we can go on.
    peer.on('close', () => {
      if (this.#isClosed) return;
      this.#peerId = randomId();
      this.#peer = this.#open();
      this.#listener.renamed();
    });
    this.#watch(peer);
    return peer;
  }

  #lost(): void {
    if (this.#isClosed) return;
    this.#listener.closed();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#reconnect(), backoff(this.#failures++, 5000));
  }

  #reconnect(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed || this.#peer.destroyed || !this.#peer.disconnected) return;
    this.#peer.reconnect();
    this.#watch(this.#peer);
  }

  #watch(peer: PeerJS): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (!peer.open) peer.disconnect();
    }, OPEN_MS);
  }
}

/** 128 random bits, as text that PeerJS takes for an id; `crypto.randomUUID` needs a secure context. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

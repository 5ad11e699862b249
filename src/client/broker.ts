// Our PeerJS peer: one id at the broker, which it stays connected to for as long as the call lasts.

import PeerJS, { type CallOption, type MediaConnection } from 'peerjs';
import type { Address } from './address';
import { backoff } from './backoff';
import { RelayedPeers, serverConnection } from './peerjs-frames';
import type { IncomingFrame, OutgoingFrame, PeerInternals } from './peerjs-frames';

/** After so long a connection that does not open is tried anew. A host that sleeps holds it for up to a minute. */
const OPEN_MS = 20_000;
/** After this many milliseconds without the broker, frames are relayed. A reachable broker answers sooner. */
const RELAY_AFTER_MS = 4000;

export interface PeerClaim {
  peerId: string;
  peerToken: string;
}

export interface BrokerListener {
  /** The broker is connected: calls can be made. */
  opened(): void;
  /** The broker cannot be reached: calls can be made, and their frames are relayed. */
  relaying(): void;
  /** Sends a frame by signaling, to the participant whose peer id is `frame.dst`. */
  relay(frame: OutgoingFrame): void;
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
  #token = randomId();
  #configuration: RTCConfiguration = {};
  #timer: ReturnType<typeof setTimeout> | undefined;
  #relayTimer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #isOpen = false;
  #isRelaying = false;
  readonly #relayed = new RelayedPeers();
  #isClosed = false;

  constructor(address: Address, listener: BrokerListener) {
    this.#address = address;
    this.#listener = listener;
    this.#peer = this.#open();
  }

  get peerId(): string {
    return this.#peerId;
  }

  /** What `call:join` sends: the token, which the broker has too, proves that the peer id is ours. */
  get claim(): PeerClaim {
    return { peerId: this.#peerId, peerToken: this.#token };
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether frames to this peer are relayed: our broker connection is down, or the peer's is. */
  isRelayed(peerId: string): boolean {
    return !this.#isOpen || this.#relayed.has(peerId);
  }

  /** Whether the peer has a broker connection, as the server reports it. */
  setOnline(peerId: string, isOnline: boolean): void {
    this.#relayed.set(peerId, !isOnline);
  }

  /** Handles a frame that a page of the SDK relayed. */
  receive(frame: IncomingFrame): void {
    this.#relayed.set(frame.src, true);
    this.#handle(this.#peer, frame);
  }

  /** For all connections to come. */
  configure(configuration: RTCConfiguration): void {
    this.#configuration = configuration;
    this.#peer.options.config = configuration;
  }

  /** Calls a peer. Returns undefined while frames can be neither sent nor relayed. */
  call(peerId: string, stream: MediaStream, options: CallOption): MediaConnection | undefined {
    return this.#isOpen || this.#isRelaying ? this.#peer.call(peerId, stream, options) : undefined;
  }

  /** The connection is in doubt: makes a new one, under the same id and token. What is connected to peers stays. */
  renew(): void {
    serverConnection(this.#peer).close();
    this.#lost();
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
    clearTimeout(this.#relayTimer);
    this.#peer.destroy();
  }

  #open(): PeerJS {
    const { peer: address } = this.#address;
    // An id of our own spares the request for one, and a token of our own lets us come back to it.
    const options = { ...address, token: this.#token, config: this.#configuration, debug: 0 };
    // PeerJS types its options as a class of its own, and takes any object.
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment
    const peer = new PeerJS(this.#peerId, options);
    peer.on('open', () => {
      this.#failures = 0;
      this.#isOpen = true;
      this.#isRelaying = false;
      clearTimeout(this.#timer);
      clearTimeout(this.#relayTimer);
      this.#relayTimer = undefined;
      this.#listener.opened();
    });
    peer.on('call', (connection) => this.#listener.called(connection));
    // PeerJS disconnects itself when the broker refuses it.
    peer.on('disconnected', () => this.#lost());
    // The id is somebody else's now. With another one we can go on.
    peer.on('close', () => {
      if (this.#isClosed) return;
      this.#isOpen = false;
      this.#peerId = randomId();
      this.#token = randomId();
      this.#peer = this.#open();
      this.#listener.renamed();
    });
    this.#connect(peer);
    this.#watch();
    return peer;
  }

  /** Keeps PeerJS usable without the broker: it would refuse calls after its server connection has closed. */
  #connect(peer: PeerJS): void {
    const connection = serverConnection(peer);
    const send = connection.send.bind(connection);
    connection.send = (frame) => {
      const isRelayed = frame.dst !== undefined && this.isRelayed(frame.dst);
      // A page without the SDK receives frames from the broker only, which stores them while the page is offline.
      if (this.#isOpen) send(frame);
      if (isRelayed) this.#listener.relay(frame);
    };
    connection.removeAllListeners('disconnected');
    connection.on('disconnected', () => this.#lost());
    connection.removeAllListeners('message');
    connection.on('message', (frame) => this.#handle(peer, frame));
  }

  #handle(peer: PeerJS, frame: IncomingFrame): void {
    if (frame.type === 'EXPIRE') this.#relayed.set(frame.src, true);
    if (this.#relayed.isNew(frame)) (peer as unknown as PeerInternals)._handleMessage(frame);
  }

  #lost(): void {
    if (this.#isClosed) return;
    const wasOpen = this.#isOpen;
    this.#isOpen = false;
    if (wasOpen) this.#listener.closed();
    else this.#relay();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#reconnect(), backoff(this.#failures++, 5000));
  }

  #reconnect(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed || this.#isOpen || this.#peer.destroyed) return;
    // PeerJS ignores this while an attempt is in progress.
    if (this.#peer.disconnected) this.#peer.reconnect();
    else serverConnection(this.#peer).start(this.#peerId, this.#peer.options.token ?? '');
    this.#watch();
  }

  #watch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      serverConnection(this.#peer).close();
      this.#lost();
    }, OPEN_MS);
    this.#relayTimer ??= setTimeout(() => this.#relay(), RELAY_AFTER_MS);
  }

  #relay(): void {
    if (this.#isOpen || this.#isRelaying) return;
    this.#isRelaying = true;
    this.#listener.relaying();
  }
}

/** 128 random bits, as text that PeerJS takes for an id; `crypto.randomUUID` needs a secure context. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// Limits the PeerJS frames that wait for absent peers, in fair shares.

/** What one connection may leave waiting. */
const MAX_PER_CONNECTION = { frames: 500, bytes: 512 * 1024 };
/** One frame of 64 KiB and more, for which there is room even if others have filled the shared part. */
const RESERVED_BYTES = 72 * 1024;
/** The shared part of all waiting frames, and all with the reserved parts. One network may take half of each. */
const MAX_BYTES = { shared: 16 * 1024 * 1024, total: 96 * 1024 * 1024 };
/** The same for the frames that wait for one peer: the broker sends all of them when the peer connects. */
const MAX_BYTES_PER_PEER = { shared: 1024 * 1024, total: 4 * 1024 * 1024 };
/** Memory of one waiting frame aside from its payload: timer, promise and names. */
const FRAME_BYTES = 512;

/** Where a frame comes from and where it goes. */
export interface Route {
  connection: object;
  /** The network of the client's address, as rate limits count it. */
  network: string;
  to: string;
}

interface Share {
  frames: number;
  bytes: number;
}

export class WaitingRoom {
  readonly #connections = new Map<unknown, Share>();
  readonly #networks = new Map<unknown, Share>();
  readonly #peers = new Map<unknown, Share>();
  /** By sender and peer. */
  readonly #pairs = new Map<object, Map<string, Share>>();
  #bytes = 0;

  /** Reserves room for one frame. Returns a function that releases it, or `undefined` if there is no room. */
  admit({ connection, network, to }: Route, payloadBytes: number): (() => void) | undefined {
    const bytes = payloadBytes + FRAME_BYTES;
    const own = this.#connections.get(connection);
    if ((own?.frames ?? 0) >= MAX_PER_CONNECTION.frames) return undefined;
    const ownBytes = (own?.bytes ?? 0) + bytes;
    if (ownBytes > MAX_PER_CONNECTION.bytes) return undefined;
    const limit = limitOf(MAX_BYTES, ownBytes);
    if (this.#bytes + bytes > limit || sizeOf(this.#networks, network) + bytes > limit / 2) return undefined;
    const toPeer = this.#pairs.get(connection) ?? new Map<string, Share>();
    if (sizeOf(this.#peers, to) + bytes > limitOf(MAX_BYTES_PER_PEER, sizeOf(toPeer, to) + bytes)) return undefined;
    this.#pairs.set(connection, toPeer);
    const releases = [
      add(this.#connections, connection, bytes),
      add(this.#networks, network, bytes),
      add(this.#peers, to, bytes),
      add(toPeer, to, bytes),
    ];
    this.#bytes += bytes;
    return () => {
      this.#bytes -= bytes;
      for (const release of releases) release();
      if (toPeer.size === 0) this.#pairs.delete(connection);
    };
  }
}

const limitOf = ({ shared, total }: typeof MAX_BYTES, ownBytes: number): number =>
  ownBytes > RESERVED_BYTES ? shared : total;

const sizeOf = <K>(shares: Map<K, Share>, key: K): number => shares.get(key)?.bytes ?? 0;

/** Adds one frame to the share of a key. Returns a function that subtracts it. */
function add<K>(shares: Map<K, Share>, key: K, bytes: number): () => void {
  const share = shares.get(key) ?? { frames: 0, bytes: 0 };
  shares.set(key, share);
  share.frames += 1;
  share.bytes += bytes;
  return () => {
    share.frames -= 1;
    share.bytes -= bytes;
    if (share.frames === 0) shares.delete(key);
  };
}

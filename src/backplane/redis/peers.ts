// Who is connected to the broker of which node, in Redis; and the frames from one node to another.

import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { PeerConnection, PeerPresence } from '../../directory';
import type { PeerRegistration } from '../../peer-proof';
import type { PeerFrames } from '../index';
import { WAITING_MS } from '../memory';
import type { RedisLink } from './link';

export class RedisPeers implements PeerPresence, PeerFrames {
  readonly #link: RedisLink;
  /** The connections of this node. */
  readonly #here = new Map<string, PeerConnection>();
  #deliver: (toPeerId: string, frame: string) => void = () => undefined;
  /** Called when a peer of this node goes while Redis is away. */
  onLost: (peerId: string) => void = () => undefined;

  constructor(link: RedisLink) {
    this.#link = link;
    link.on('frame', (body) => {
      const [toPeerId, frame] = split(body);
      this.#deliver(toPeerId, unmark(frame));
    });
  }

  async arrive(peer: PeerConnection): Promise<string[] | undefined> {
    const { peerId, tokenHash, network, connection } = peer;
    const waiting = (await this.#link.run('bcArrive', peerId, tokenHash, network, connection)) as string[] | null;
    if (!waiting) return undefined;
    this.#here.set(peerId, peer);
    return waiting.map(unmark);
  }

  async depart({ peerId, connection }: PeerConnection): Promise<void> {
    if (this.#here.get(peerId)?.connection === connection) this.#here.delete(peerId);
    // When it comes back, Redis is told who is here; nobody else is.
    await this.#link.run('bcDepart', peerId, connection).catch(() => this.onLost(peerId));
  }

  async registration(peerId: string): Promise<PeerRegistration | undefined> {
    const found = (await this.#link.run('bcRegistration', peerId)) as [string, string, number] | null;
    if (!found) return undefined;
    const [tokenHash, network, isOnline] = found;
    return { tokenHash, network, isOnline: isOnline === 1 };
  }

  async list(): Promise<string[]> {
    return (await this.#link.run('bcPeers')) as string[];
  }

  async count(): Promise<{ online: number; inCalls: number }> {
    const [, , online = 0, inCalls = 0] = (await this.#link.run('bcCount')) as number[];
    return { online, inCalls };
  }

  onReplaced(listener: (connection: string) => void): void {
    this.#link.on('replaced', listener);
  }

  async send(toPeerId: string, frame: string): Promise<boolean> {
    // So that no two that wait are the same: each can be taken back by itself.
    const marked = `${randomBytes(6).toString('base64url')} ${frame}`;
    const outcome = await this.#link.run('bcFrame', toPeerId, marked, WAITING_MS);
    if (outcome === 'here') this.#deliver(toPeerId, frame);
    if (outcome !== 'waits') return true;
    await delay(WAITING_MS, undefined, { ref: false });
    return (await this.#link.run('bcWithdraw', toPeerId, marked)) === 0;
  }

  listen(deliver: (toPeerId: string, frame: string) => void): void {
    this.#deliver = deliver;
  }

  /** The peers that are connected here. */
  own(): PeerConnection[] {
    return [...this.#here.values()];
  }
}

const unmark = (marked: string) => marked.slice(marked.indexOf(' ') + 1);

function split(body: string): [head: string, rest: string] {
  const end = body.indexOf('\0');
  return [body.slice(0, end), body.slice(end + 1)];
}

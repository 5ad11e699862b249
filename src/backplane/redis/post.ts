// Signals from one node to another, and what a participant missed there.

import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Payload } from '../../protocol';
import type { Address } from '../../rooms';
import type { Missed, Post, PostListener } from '../index';
import type { RedisLink } from './link';

/** How long a node may take to say what was missed there, before it counts as dead. */
const ANSWER_MS = 1000;

interface Question {
  id: string;
  from: string;
  address: Address;
  move: number;
  lastHeard: string;
}

interface Answer {
  id: string;
  missed?: Missed;
}

export class RedisPost implements Post {
  readonly #link: RedisLink;
  readonly #questions = new Map<string, (missed: Missed | undefined) => void>();
  #listener: PostListener | undefined;

  constructor(link: RedisLink) {
    this.#link = link;
    link.on('signal', (body) => {
      const end = body.indexOf('\0');
      this.deliver(body.slice(0, end), JSON.parse(body.slice(end + 1)) as Payload<'call:signal'>);
    });
    link.on('question', (body) => void this.#answer(JSON.parse(body) as Question));
    link.on('answer', (body) => {
      const { id, missed } = JSON.parse(body) as Answer;
      this.#questions.get(id)?.(missed);
    });
  }

  async send(address: Address, signal: Payload<'call:signal'>): Promise<boolean> {
    if (nodeOf(address) === this.#link.node) this.deliver(address, signal);
    else {
      const { graceMs, leaseMs } = this.#link.options;
      const id = (await this.#link.run('bcSignal', address, JSON.stringify(signal), graceMs + leaseMs)) as string;
      // It may be here by now. What is sent after it, comes after it.
      await this.#link.reached(id);
    }
    return true;
  }

  /** Gives a signal to a participant of this node. */
  deliver(address: Address, signal: Payload<'call:signal'>): void {
    this.#listener?.deliver(address, signal);
  }

  async collect(address: Address, move: number, lastHeard: string): Promise<Missed | undefined> {
    const id = randomUUID();
    const answer = new Promise<Missed | undefined>((resolve) => this.#questions.set(id, resolve));
    const time = new AbortController();
    const late = delay(ANSWER_MS, undefined, { signal: time.signal, ref: false }).catch(() => undefined);
    try {
      const question: Question = { id, from: this.#link.node, address, move, lastHeard };
      const isAsked = await this.#link.run('bcPost', nodeOf(address), 'question', JSON.stringify(question));
      return isAsked ? await Promise.race([answer, late]) : undefined;
    } finally {
      time.abort();
      this.#questions.delete(id);
    }
  }

  listen(listener: PostListener): void {
    this.#listener = listener;
  }

  async #answer({ id, from, address, move, lastHeard }: Question): Promise<void> {
    const missed = await this.#listener?.handOver(address, move, lastHeard);
    const answer: Answer = { id, ...(missed && { missed }) };
    // Who asked does not wait for ever.
    await this.#link.run('bcPost', from, 'answer', JSON.stringify(answer)).catch(() => undefined);
  }
}

const nodeOf = (address: Address) => address.slice(0, address.indexOf('/'));

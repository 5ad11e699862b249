// Rate limits: how much one address may ask for, and how much one connection may say.

import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';
import { RateLimiter } from 'limiter';
import proxyAddr from 'proxy-addr';
import type { Limiter } from '../backplane/index';
import type { Config } from '../config';
import { CallError } from '../errors';

/** Options of `ws`: a message of endless tiny fragments or chunks takes far more memory than its bytes. */
export const MESSAGE_LIMITS = { maxFragments: 64, maxBufferedChunks: 4096 };

/** Gives a function from a request to its client's address, looking behind the proxies that are trusted. */
export function clientAddressOf(trustProxy: Config['trustProxy']): (req: IncomingMessage) => string {
  const trust =
    typeof trustProxy === 'number' ? (_: string, hop: number) => hop < trustProxy : proxyAddr.compile(trustProxy ?? []);
  return (req) => proxyAddr(req, trust);
}

/** Counts what comes from an address, in windows of time. An IPv6 client is its /64: it has that many addresses. */
export class AddressLimit {
  readonly #limiter: Limiter;

  constructor(limiter: Limiter) {
    this.#limiter = limiter;
  }

  /** Refuses with `RATE_LIMITED` once the address has had its share. */
  async take(address: string): Promise<void> {
    try {
      await this.#limiter.consume(network(address));
    } catch (refused) {
      throw new CallError('RATE_LIMITED', { retryAfterMs: (refused as { msBeforeNext: number }).msBeforeNext });
    }
  }
}

function network(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  return parsed instanceof ipaddr.IPv6 ? parsed.parts.slice(0, 4).join(':') : parsed.toString();
}

/** What one connection may still say. Synchronous, for it stands before every frame. */
export class Allowance {
  readonly #limiter: RateLimiter;
  readonly #limit: number;
  #refused = 0;

  constructor(limit: number, windowMs: number) {
    this.#limiter = new RateLimiter({ tokensPerInterval: limit, interval: windowMs });
    this.#limit = limit;
  }

  /** Takes one of what is allowed: gives 0, or the milliseconds to wait for the next. */
  take(): number {
    if (this.#limiter.tryRemoveTokens(1)) {
      this.#refused = 0;
      return 0;
    }
    this.#refused += 1;
    return Math.max(1, this.#limiter.getWaitTime(1));
  }

  /** Whether refusals were ignored as often as the whole limit: this is no client in a hurry, but a flood. */
  get isFlooded(): boolean {
    return this.#refused >= this.#limit;
  }
}

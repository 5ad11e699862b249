// Rate limits: how much one address may ask for, and how much one connection may say.

import ipaddr from 'ipaddr.js';
import { RateLimiter } from 'limiter';
import type { Limiter } from '../backplane/index';
import { CallError } from '../errors';

/** Options of `ws`: a message of endless tiny fragments or chunks takes far more memory than its bytes. */
export const MESSAGE_LIMITS = { maxFragments: 64, maxBufferedChunks: 4096 };

/** Counts what comes from an address, in windows of time. An IPv6 client is its /64: it has that many addresses. */
export class AddressLimit {
  readonly #limiter: Limiter;

  constructor(limiter: Limiter) {
    this.#limiter = limiter;
  }

  /** Refuses with `RATE_LIMITED` once the address has had its share. */
  async take(address: string): Promise<void> {
    const retryAfterMs = await this.#limiter.take(networkOf(address));
    if (retryAfterMs > 0) throw new CallError('RATE_LIMITED', { retryAfterMs });
  }
}

/** Ranges in which one subnet has many unrelated hosts, so that each address counts by itself. */
const COUNTED_BY_ADDRESS = ['linkLocal', 'uniqueLocal', 'loopback', 'unspecified'];

/**
 * Returns what an address counts as. An IPv6 client is its /64, because it chooses any address in it. Addresses that stand
 * for an IPv4 address count as that one: mapped (RFC 4291), translated (RFC 6052, RFC 6145), 6to4 and Teredo.
 */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString();
  const { parts } = parsed;
  const ipv4 = (high = 0, low = 0) => [high >> 8, high & 255, low >> 8, low & 255].join('.');
  const range = parsed.range();
  if (range === '6to4') return ipv4(parts[1], parts[2]);
  // Teredo clients share their server's /64. The client's address is inverted (RFC 4380, 4).
  if (range === 'teredo') return ipv4((parts[6] ?? 0) ^ 0xffff, (parts[7] ?? 0) ^ 0xffff);
  if (range === 'rfc6052' || range === 'rfc6145') return ipv4(parts[6], parts[7]);
  // The prefix of local translators (RFC 8215). Where the IPv4 address is in it depends on the network.
  const isTranslated = parts[0] === 0x64 && parts[1] === 0xff9b;
  return isTranslated || COUNTED_BY_ADDRESS.includes(range) ? parsed.toString() : parts.slice(0, 4).join(':');
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

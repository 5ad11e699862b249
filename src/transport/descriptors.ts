// How many connections the process can have open, by its limit of file descriptors.

import { readFileSync } from 'node:fs';
import type { Config } from '../config';
import type { Logger } from '../logger';

export interface ConnectionLimits {
  total: number;
  perAddress: number;
}

/** Enough for thousands of participants. More take memory that one process should not need. */
const MAX_TOTAL = 10_000;
const MAX_PER_ADDRESS = 1000;
/** Where the limit is unknown: what macOS gives a process at least once Node.js has raised its soft limit. */
const FALLBACK = 10_240;
const UNLIMITED = 2 ** 20;

/**
 * Returns the limits of a configuration. A connection takes up to two descriptors, its own and that of the file it is sent.
 * An eighth of all descriptors, and at least 64, stays free for Redis, logs, certificates and health checks.
 */
export function connectionLimitsOf(
  { maxConnections, maxConnectionsPerAddress }: Pick<Config, 'maxConnections' | 'maxConnectionsPerAddress'>,
  log: Logger,
  descriptors = descriptorLimit(),
): ConnectionLimits {
  const reserve = Math.max(64, Math.ceil(descriptors / 8));
  const possible = Math.max(1, Math.floor((descriptors - reserve) / 2));
  const total = Math.min(maxConnections ?? MAX_TOTAL, possible);
  if (maxConnections !== undefined && total < maxConnections)
    log.warn({ maxConnections, descriptors, possible }, 'too few file descriptors for maxConnections, using less');
  return { total, perAddress: maxConnectionsPerAddress ?? Math.min(MAX_PER_ADDRESS, Math.ceil(total / 2)) };
}

/** Returns the soft limit of this process. Node.js raises it to the hard limit when it starts. */
function descriptorLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === 'unlimited' ? UNLIMITED : Number(soft ?? FALLBACK);
  } catch {
    return FALLBACK;
  }
}

// Who may connect: one judgement about the Origin header, for all doors alike.

import type { IncomingMessage } from 'node:http';
import type { Proxies } from './proxies';

/**
 * Gives a function that tells whether a request may come in: from an allowed origin, from a page of this very host, or
 * from a client that is no page (browsers always send an `Origin` with WebSockets and with requests across origins).
 */
export function originCheckOf(
  corsOrigins: string[],
  proxies: Proxies,
): (req: Pick<IncomingMessage, 'headers' | 'socket'>) => boolean {
  const allowed = new Set(corsOrigins.map((origin) => origin.toLowerCase().replace(/\/$/, '')));
  return (req) => {
    const origin = req.headers.origin?.toLowerCase();
    if (origin === undefined || allowed.has('*') || allowed.has(origin)) return true;
    return URL.canParse(origin) && proxies.isOwnOrigin(new URL(origin), req);
  };
}

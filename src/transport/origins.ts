// Who may connect: one judgement about the Origin header, for all doors alike.

import type { IncomingMessage } from 'node:http';

/**
 * Gives a function that tells whether a request may come in: from an allowed origin, from a page of this very host, or
 * from a client that is no page (browsers always send an `Origin` with WebSockets and with requests across origins).
 */
export function originCheckOf(
  corsOrigins: string[],
  isProxyTrusted: boolean,
): (req: Pick<IncomingMessage, 'headers'>) => boolean {
  const allowed = new Set(corsOrigins.map((origin) => origin.toLowerCase().replace(/\/$/, '')));
  return ({ headers }) => {
    const origin = headers.origin?.toLowerCase();
    if (origin === undefined || allowed.has('*') || allowed.has(origin)) return true;
    return URL.canParse(origin) && new URL(origin).host === hostOf(headers, isProxyTrusted);
  };
}

/** The host and port that the client asked for, lower case. */
export function hostOf(headers: IncomingMessage['headers'], isProxyTrusted: boolean): string | undefined {
  const forwarded = isProxyTrusted ? headers['x-forwarded-host'] : undefined;
  const host = (Array.isArray(forwarded) ? forwarded[0] : forwarded)?.split(',')[0]?.trim();
  return (host ?? headers.host)?.toLowerCase();
}

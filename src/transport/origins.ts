// Which origins may use this server: one check of the Origin header for REST, Socket.IO and both WebSocket endpoints.

import type { IncomingMessage } from 'node:http';
import type { Proxies } from './proxies';

/**
 * Returns a function that checks whether a request is allowed: from a configured origin, from a page of this very host, or
 * from a client that is no page. Browsers always send `Origin` with WebSockets and with requests across origins.
 *
 * @param corsOrigins - normalized origins. `*` is any origin; in a host it stands for one or more characters of one label
 */
export function originCheckOf(
  corsOrigins: string[],
  proxies: Proxies,
): (req: Pick<IncomingMessage, 'headers' | 'socket'>) => boolean {
  const isAnyAllowed = corsOrigins.includes('*');
  const patterns = corsOrigins.map(patternOf);
  return (req) => {
    const header = req.headers.origin?.toLowerCase();
    // Pages from files send `file://` in WebViews and in Electron, and `null` in browsers.
    const origin = header === 'file://' ? 'null' : header;
    if (origin === undefined || isAnyAllowed || patterns.some((pattern) => pattern.test(origin))) return true;
    return URL.canParse(origin) && proxies.isOwnOrigin(new URL(origin), req);
  };
}

function patternOf(origin: string): RegExp {
  const literals = origin.split('*').map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${literals.join('[a-z0-9_-]+')}$`);
}

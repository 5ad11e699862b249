// The endpoints of a call server, derived from the one URL that an app configures.

import { PEER_KEY, PEER_PATH, SOCKET_PATH } from '../doors';
import { localError } from './errors';

export interface Address {
  /** The `/call` namespace, for Socket.IO's client. */
  namespace: string;
  socketPath: string;
  /** What `new Peer()` takes. */
  peer: { host: string; port: number; path: string; secure: boolean; key: string };
}

/**
 * Derives the endpoints. A path prefix is kept (`https://x.example/calls`); query, fragment and credentials are ignored.
 *
 * @param url - `http(s):`, `ws(s):`, or a path on the page's own origin that begins with `/`, `./` or `../`. The default is `/`.
 * @param socketPath - the server's path of Socket.IO, below that of `url`.
 * @throws a {@link CallError} `INVALID_URL` for every other value, also for values that its type excludes.
 */
export function addressOf(url: string | URL = '/', socketPath = SOCKET_PATH): Address {
  const { origin, hostname, port, protocol, pathname } = parse(url);
  const prefix = pathname.replace(/\/+$/, '');
  const secure = protocol === 'https:';
  return {
    namespace: `${origin}/call`,
    socketPath: `${prefix}/${socketPath.replace(/^\/+|\/+$/g, '')}/`,
    peer: {
      host: hostname,
      port: Number(port) || (secure ? 443 : 80),
      path: prefix + PEER_PATH,
      secure,
      key: PEER_KEY,
    },
  };
}

function parse(url: string | URL): URL {
  try {
    const text = String(url).trim();
    // Without a scheme, `new URL` would read a host name as a path on the page's own origin.
    if (!/^(https?:\/\/|wss?:\/\/|\/|\.{1,2}(\/|$))/i.test(text)) throw new TypeError(`no scheme: ${text}`);
    const parsed = new URL(text.replace(/^ws/i, 'http'), location.href);
    // Pages of other schemes, such as `file:`, have no server that a path could be on.
    if (!/^https?:$/.test(parsed.protocol)) throw new TypeError(`scheme not supported: ${parsed.protocol}`);
    return parsed;
  } catch (cause) {
    throw localError('INVALID_URL', { cause });
  }
}

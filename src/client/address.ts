// Where a call server's doors are, given the one address that an app knows.

import { PEER_KEY, PEER_PATH, SOCKET_PATH } from '../doors';

export interface Address {
  /** The `/call` namespace, for Socket.IO's client. */
  namespace: string;
  socketPath: string;
  /** What `new Peer()` takes. */
  peer: { host: string; port: number; path: string; secure: boolean; key: string };
}

/** @param url - absolute or relative to the page; what stands before our paths in it is kept (`https://x.example/calls`). */
export function addressOf(url: string): Address {
  const { origin, hostname, port, protocol, pathname } = new URL(url, location.href);
  const prefix = pathname.replace(/\/+$/, '');
  const secure = protocol === 'https:';
  return {
    namespace: `${origin}/call`,
    socketPath: prefix + SOCKET_PATH,
    peer: {
      host: hostname,
      port: Number(port) || (secure ? 443 : 80),
      path: prefix + PEER_PATH,
      secure,
      key: PEER_KEY,
    },
  };
}

// ICE servers: STUN, TURN with fixed credentials, and TURN with credentials that expire. One resolver for every door.

import { createHmac } from 'node:crypto';
import type { IceServer } from './protocol';

export interface IceOptions {
  stunUrls: string[];
  /** One TURN server with fixed credentials; it answers STUN too. */
  turnServer?: { host: string; username: string; credential: string };
  /** TURN servers that share `secret` with us (coturn's `use-auth-secret`). */
  turnRest?: { urls: string[]; secret: string; ttlSeconds: number };
  clock?: () => number;
}

export type IceResolver = (name: string) => IceServer[];

/**
 * Gives a function from a name (a user's, or a connection's before it joined) to the ICE servers for it.
 *
 * The expiring credentials follow draft-uberti-behave-turn-rest-00: the username is `<expiry in Unix seconds>:<name>`,
 * the credential the base64 of its HMAC-SHA1 under the shared secret.
 */
export function createIceResolver({ stunUrls, turnServer, turnRest, clock = Date.now }: IceOptions): IceResolver {
  const lasting: IceServer[] = stunUrls.map((urls) => ({ urls }));
  if (turnServer) {
    const { host, username, credential } = turnServer;
    const hostname = host.replace(/:\d+$/, '');
    lasting.push({ urls: `stun:${host}` });
    lasting.push(
      { urls: `turn:${host}`, username, credential },
      { urls: `turns:${hostname}:443`, username, credential },
    );
  }
  if (!turnRest) return () => lasting;

  const { urls, secret, ttlSeconds } = turnRest;
  return (name) => {
    const username = `${Math.floor(clock() / 1000) + ttlSeconds}:${name}`;
    const credential = createHmac('sha1', secret).update(username).digest('base64');
    return [...lasting, ...urls.map((url) => ({ urls: url, username, credential }))];
  };
}

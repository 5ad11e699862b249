// ICE servers: STUN, TURN with fixed credentials, and TURN with credentials that expire. One resolver for every endpoint.

import { createHmac } from 'node:crypto';
import type { IceServer } from './protocol';

export interface IceOptions {
  stunUrls: string[];
  /** One TURN server with fixed credentials; it answers STUN too. */
  turnServer?: { host: string; username: string; credential: string } | undefined;
  /** TURN servers that share `secret` with us (coturn's `use-auth-secret`). */
  turnRest?: { urls: string[]; secret: string; ttlSeconds: number } | undefined;
  /** Whether clients without a seat get TURN credentials, too. */
  turnOpen?: boolean | undefined;
  clock?: () => number;
}

export interface IceResolver {
  /** Whether a participant gets servers that a client without a seat does not get. */
  readonly needsSeat: boolean;
  /** The ICE servers for a client without a seat, which `name` identifies to the TURN server. */
  forVisitor(name: string): IceServer[];
  /** The ICE servers for a participant. */
  forParticipant(userId: string): IceServer[];
}

/** The length of the user part of a TURN username: 132 bits in base64url. */
const USER_PART_LENGTH = 22;

/**
 * Creates the resolver of ICE servers.
 *
 * Credentials that expire follow draft-uberti-behave-turn-rest-00: the username is `<expiry in Unix seconds>:<user>`, the
 * credential is the base64 of its HMAC-SHA1 under the shared secret. coturn rejects usernames with spaces, quotes and
 * backslashes, and logs them. `<user>` is therefore a keyed hash of the user id. It must not be SHA-1: the hash of a user
 * id that looks like a username would be a credential.
 */
export function createIceResolver({
  stunUrls,
  turnServer,
  turnRest,
  turnOpen = false,
  clock = Date.now,
}: IceOptions): IceResolver {
  const stun: IceServer[] = stunUrls.map((urls) => ({ urls }));
  const turn: IceServer[] = [];
  if (turnServer) {
    const { host, username, credential } = turnServer;
    const hostname = host.replace(/:\d+$/, '');
    stun.push({ urls: `stun:${host}` });
    turn.push({ urls: `turn:${host}`, username, credential }, { urls: `turns:${hostname}:443`, username, credential });
  }

  const forParticipant = (userId: string): IceServer[] => {
    if (!turnRest) return [...stun, ...turn];
    const { urls, secret, ttlSeconds } = turnRest;
    const user = createHmac('sha256', secret)
      .update(`turn-user:${userId}`)
      .digest('base64url')
      .slice(0, USER_PART_LENGTH);
    const username = `${Math.floor(clock() / 1000) + ttlSeconds}:${user}`;
    const credential = createHmac('sha1', secret).update(username).digest('base64');
    return [...stun, ...turn, ...urls.map((url) => ({ urls: url, username, credential }))];
  };
  return {
    needsSeat: !turnOpen && (turnServer !== undefined || turnRest !== undefined),
    forVisitor: turnOpen ? forParticipant : () => stun,
    forParticipant,
  };
}

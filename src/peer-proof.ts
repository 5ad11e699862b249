// Proof that a peer id belongs to a client: the PeerJS token of its broker connection, or the same client address.

import { createHash, timingSafeEqual } from 'node:crypto';

/** What a client shows when it claims a peer id with `call:join`. */
export interface PeerProof {
  /** Hash of `peerToken`; see {@link hashToken}. */
  readonly tokenHash?: string;
  /** The client address, as rate limits count it. */
  readonly network: string;
}

/** The client that opened a peer id at the broker. */
export interface PeerRegistration {
  readonly tokenHash: string;
  readonly network: string;
  readonly isOnline: boolean;
}

/** A seat, as far as its claim to a peer id matters. */
interface Claim {
  readonly userId: string;
  readonly proof?: PeerProof | undefined;
}

/** A client whose token is known, at the broker or from an earlier claim. */
type Owner = Pick<PeerRegistration, 'tokenHash'> & Partial<PeerRegistration>;

/** The strength of a proof. A greater number is a stronger proof. */
const STRENGTH = { wrongToken: -1, none: 0, address: 1, token: 2 } as const;

/** Returns the SHA-256 of a PeerJS token in base64url. The server stores and compares only hashes. */
export const hashToken = (token: string): string => createHash('sha256').update(token).digest('base64url');

/** Compares two hashes in constant time. */
export const isSameToken = (one: string, other: string): boolean =>
  one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));

/**
 * Decides on a claim to a peer id. Returns the claims of other connections that it supersedes because its proof is stronger;
 * undefined if the claim is refused. `registration` is undefined if the broker does not know the peer id; then the first
 * claim with a token owns the peer id. The Lua function `contest` of the Redis backplane does the same.
 */
export function contest<C extends Claim>(
  claim: Claim,
  others: C[],
  registration: PeerRegistration | undefined,
): C[] | undefined {
  const owner = registration ?? tokenOwnerOf(others);
  const strength = strengthOf(claim, owner);
  // Without the token, even the same user does not get a peer id whose token is known.
  const refuses = (other: C) =>
    other.userId === claim.userId
      ? strengthOf(other, owner) === STRENGTH.token && strength < STRENGTH.token
      : strengthOf(other, owner) >= strength;
  if (strength === STRENGTH.wrongToken || others.some(refuses)) return undefined;
  return others.filter((other) => strengthOf(other, owner) < strength);
}

/** Whether a client with this token may open a peer id at the broker, which does not know the peer id yet. */
export function mayOpen(tokenHash: string, claims: Claim[]): boolean {
  const owner = tokenOwnerOf(claims);
  return owner === undefined || isSameToken(owner.tokenHash, tokenHash);
}

/**
 * Returns the claim with the strongest proof, the latest of several. Without proof, a claim does not count if the broker
 * knows the peer id.
 */
export function strongest<C extends Claim>(claims: C[], registration: PeerRegistration | undefined): C | undefined {
  const ranked = claims.toSorted((one, other) => strengthOf(one, registration) - strengthOf(other, registration));
  const best = ranked.at(-1);
  return best && registration && strengthOf(best, registration) <= STRENGTH.none ? undefined : best;
}

function tokenOwnerOf(claims: Claim[]): Owner | undefined {
  const tokenHash = claims.find(({ proof }) => proof?.tokenHash !== undefined)?.proof?.tokenHash;
  return tokenHash === undefined ? undefined : { tokenHash };
}

function strengthOf({ proof }: Claim, owner: Owner | undefined): number {
  if (!proof || !owner) return STRENGTH.none;
  if (proof.tokenHash !== undefined)
    return isSameToken(proof.tokenHash, owner.tokenHash) ? STRENGTH.token : STRENGTH.wrongToken;
  return proof.network === owner.network ? STRENGTH.address : STRENGTH.none;
}

// Who we are to browsers: a certificate, where it comes from, and when it has to be another one.

/** A certificate, or a chain of them, and the private key that belongs to the first; in PEM. */
export interface Credentials {
  cert: string;
  key: string;
}

export interface Identity {
  /** What to serve HTTPS with now. */
  readonly credentials: Credentials;
  /** The certificate of this machine's own authority, in PEM, and its fingerprint; undefined with files of one's own. */
  readonly authority: { cert: string; fingerprint: string } | undefined;
  /** Looks whether other credentials are due, and tells whether there are. */
  renew(): Promise<boolean>;
}

/** Credentials that cannot be had, in one line for whoever started the process. */
export class IdentityError extends Error {
  constructor(message: string, cause: unknown) {
    super(`${message}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'IdentityError';
  }
}

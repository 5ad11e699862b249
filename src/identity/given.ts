// An identity out of files that somebody else writes, and writes anew when they are due, as certbot does.

import { readFile } from 'node:fs/promises';
import { IdentityError, type Credentials, type Identity } from './identity';
import { checked } from './private-file';

export interface Files {
  certFile: string;
  keyFile: string;
}

/** Rejects with an {@link IdentityError} if the files cannot be read, or do not belong together. */
export async function openGivenIdentity(files: Files): Promise<Identity> {
  let credentials = await read(files);
  return {
    get credentials() {
      return credentials;
    },
    authority: undefined,
    async renew() {
      const found = await read(files);
      const isOther = found.cert !== credentials.cert || found.key !== credentials.key;
      credentials = found;
      return isOther;
    },
  };
}

async function read({ certFile, keyFile }: Files): Promise<Credentials> {
  try {
    const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    // While they are renewed, one is new already and the other is not yet.
    return checked({ cert, key });
  } catch (cause) {
    throw new IdentityError(`the certificate ${certFile} and its key ${keyFile} do not serve`, cause);
  }
}

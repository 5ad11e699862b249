// Credentials on disk, readable by their owner alone. Key and certificate are one file, so that none is found without the other.

import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto';
import { chmod, link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { Credentials } from './identity';
import { assertOwned } from './ownership';

/** Undefined when there is no such file; rejects when it is broken, or when another user could have written it. */
export async function readCredentials(file: string): Promise<Credentials | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  await assertOwned(file);
  // A copy of the file may be readable by others.
  await chmod(file, 0o600);
  return checked({ cert: partOf(text, 'CERTIFICATE'), key: partOf(text, 'PRIVATE KEY') });
}

/** Writes it whole or not at all, in the place of what was there. */
export function replaceCredentials(file: string, credentials: Credentials): Promise<void> {
  return place(credentials, file, rename);
}

/** The same, but leaves what is there already: then the promise rejects with `EEXIST`. */
export function addCredentials(file: string, credentials: Credentials): Promise<void> {
  return place(credentials, file, link);
}

/** Gives them back if they belong together; throws otherwise. */
export function checked({ cert, key }: Credentials): Credentials {
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
    throw new Error('Certificate and key do not belong together.');
  return { cert, key };
}

async function place(
  { cert, key }: Credentials,
  file: string,
  put: (from: string, to: string) => Promise<void>,
): Promise<void> {
  const draft = `${file}.${randomUUID()}`;
  try {
    await writeFile(draft, key + cert, { mode: 0o600, flag: 'wx' });
    await put(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
}

function partOf(text: string, label: string): string {
  const [part] = new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----\n`).exec(text) ?? [];
  if (part === undefined) throw new Error(`There is no ${label} in it.`);
  return part;
}

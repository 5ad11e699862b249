// An identity of our own making: an authority that is made once, and a certificate of it for wherever this machine is now.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  assertConstrained,
  createAuthority,
  fingerprintOf,
  issue,
  outlivesItsOwn,
  suffices,
  vouchableHosts,
} from './authority';
import { ownHosts, type Hosts } from './hosts';
import { IdentityError, type Credentials, type Identity } from './identity';
import { assertOwned } from './ownership';
import { addCredentials, readCredentials, replaceCredentials } from './private-file';

export interface Surroundings {
  /** Where authority and certificate are kept; made if it is not there. */
  folder: string;
  hosts?: () => Hosts;
  clock?: () => number;
}

/** Rejects with an {@link IdentityError} if the folder cannot be used, or the authority in it is broken. */
export async function openOwnIdentity({ folder, hosts = ownHosts, clock = Date.now }: Surroundings): Promise<Identity> {
  await orComplain(`cannot use the folder ${folder}`, async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // A folder that exists keeps its mode: it may have other uses.
    await assertOwned(folder);
  });
  const authority = await openAuthority(join(folder, 'authority.pem'), hosts().names, clock());
  const file = join(folder, 'server.pem');

  /** The credentials, if they still do; else new ones. */
  const renewed = async (credentials: Credentials | undefined) => {
    const { names, addresses } = hosts();
    const wanted = vouchableHosts(authority, [...names, ...addresses]);
    if (credentials && suffices(credentials, authority, wanted, clock())) return credentials;
    const made = await issue(authority, wanted, clock());
    await orComplain(`cannot write ${file}`, () => replaceCredentials(file, made));
    return made;
  };
  // What is broken here costs nobody anything: another one is made.
  let credentials = await renewed(await readCredentials(file).catch(() => undefined));

  return {
    get credentials() {
      return credentials;
    },
    authority: { cert: authority.cert, fingerprint: fingerprintOf(authority.cert) },
    async renew() {
      const before = credentials;
      credentials = await renewed(before);
      return credentials !== before;
    },
  };
}

/** The authority that was made the first time; another one only when that does not last any more. */
async function openAuthority(file: string, names: string[], now: number): Promise<Credentials> {
  const isBroken = `${file} is broken; restore it, or remove it to make another authority`;
  const find = () =>
    orComplain(isBroken, async () => {
      const found = await readCredentials(file);
      if (found) assertConstrained(found);
      return found;
    });
  const found = await find();
  if (found && outlivesItsOwn(found, now)) return found;
  const made = await createAuthority(names, now);
  await orComplain(`cannot write ${file}`, async () => {
    if (found) await replaceCredentials(file, made);
    else await addCredentials(file, made).catch(unlessItExists);
  });
  // Who started for the first time in the same moment may have been faster. Then that one is the authority.
  return (await find()) ?? made;
}

function unlessItExists(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

async function orComplain<T>(message: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (cause) {
    throw new IdentityError(message, cause);
  }
}

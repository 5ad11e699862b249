// Which identity the process has, and where it keeps one of its own.

import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ProcessConfig } from '../config';
import { IdentityError, type Credentials, type Identity } from './identity';

export { IdentityError, type Credentials, type Identity };

/** Undefined for plain HTTP. Rejects with an {@link IdentityError}, which says in one line what is wrong. */
export async function openIdentity(tls: ProcessConfig['tls'], folder: () => string): Promise<Identity | undefined> {
  if (tls === undefined) return undefined;
  if (tls !== 'own authority') return (await import('./given')).openGivenIdentity(tls);
  // Loaded by who needs it alone: what makes certificates takes longer to load than all the rest.
  return (await import('./own')).openOwnIdentity({ folder: folder() });
}

/**
 * Returns where a system keeps the state of a user's programs; on Linux as the XDG Base Directory Specification says. Throws
 * an {@link IdentityError} if that is below a home directory and the user has none.
 */
export function stateFolder(
  env: Record<string, string | undefined>,
  platform: NodeJS.Platform,
  home: () => string = homedir,
): string {
  if (platform === 'win32' && env.LOCALAPPDATA) return join(env.LOCALAPPDATA, 'back-call');
  if (platform !== 'win32' && platform !== 'darwin' && env.XDG_STATE_HOME) return join(env.XDG_STATE_HOME, 'back-call');
  const below = { win32: ['AppData', 'Local'], darwin: ['Library', 'Application Support'] }[platform as string];
  return join(homeOf(home), ...(below ?? ['.local', 'state']), 'back-call');
}

function homeOf(home: () => string): string {
  try {
    const path = home();
    if (path !== '') return path;
  } catch {
    // Node.js throws if HOME is not set and the user has no entry in the list of users.
  }
  throw new IdentityError('the certificate authority has no folder', 'the user has no home directory. Set STATE_DIR');
}

// Which identity the process has, and where it keeps one of its own.

import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ProcessConfig } from '../config';
import type { Identity } from './identity';

export { IdentityError, type Credentials, type Identity } from './identity';

/** Undefined for plain HTTP. Rejects with an {@link IdentityError}, which says in one line what is wrong. */
export async function openIdentity(tls: ProcessConfig['tls'], folder: string): Promise<Identity | undefined> {
  if (tls === undefined) return undefined;
  if (tls !== 'own authority') return (await import('./given')).openGivenIdentity(tls);
  // Loaded by who needs it alone: what makes certificates takes longer to load than all the rest.
  return (await import('./own')).openOwnIdentity({ folder });
}

/** Where a system keeps what a user's program remembers; on Linux as the XDG Base Directory Specification says. */
export function stateFolder(
  env: Record<string, string | undefined>,
  platform: NodeJS.Platform,
  home: string = homedir(),
): string {
  const parent =
    platform === 'win32'
      ? (env.LOCALAPPDATA ?? join(home, 'AppData', 'Local'))
      : platform === 'darwin'
        ? join(home, 'Library', 'Application Support')
        : env.XDG_STATE_HOME || join(home, '.local', 'state');
  return join(parent, 'back-call');
}

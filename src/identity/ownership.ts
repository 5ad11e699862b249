// Whether other users of this machine can replace what is stored at a path.

import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { getuid } from 'node:process';

const GROUP_OR_OTHERS_WRITE = 0o022;
const OTHERS_WRITE = 0o002;
/** In a folder with this bit, such as /tmp, users can only replace what they own. */
const STICKY = 0o1000;

/**
 * Throws if a user other than this one and root can change a file or folder: if it has another owner, if others can write to it,
 * or if they can replace a folder that it is in. Symbolic links are followed. On Windows, where modes say nothing, it returns.
 */
export async function assertOwned(path: string): Promise<void> {
  const uid = getuid?.();
  if (uid === undefined) return;
  const real = await realpath(path);
  const { mode, uid: owner } = await stat(real);
  if (owner !== uid && owner !== 0) throw new Error(`${real} belongs to another user`);
  if (mode & GROUP_OR_OTHERS_WRITE) throw new Error(`other users can write to ${real}; run chmod go-w on it`);
  for (let folder = dirname(real); ; folder = dirname(folder)) {
    const above = await stat(folder);
    const isForeign = uid !== 0 && above.uid !== uid && above.uid !== 0;
    if (isForeign) throw new Error(`${folder} belongs to another user`);
    if (above.mode & OTHERS_WRITE && !(above.mode & STICKY))
      throw new Error(`other users can write to ${folder}; run chmod o-w on it`);
    if (folder === dirname(folder)) return;
  }
}

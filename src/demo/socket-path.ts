// The path of Socket.IO on the server of this page.

import { SERVER, withoutPrefix } from './server';

/** How long the page waits for the server's answer, in milliseconds. */
const PATIENCE_MS = 3000;

/** Returns the path below that of the server; undefined for the default, also if the server does not answer. */
export async function fetchSocketPath(): Promise<string | undefined> {
  try {
    const answer = await fetch(`${SERVER}/api/call/config`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    const { data } = (await answer.json()) as { data: { socket: { path: string } } };
    return withoutPrefix(data.socket.path);
  } catch {
    return undefined;
  }
}

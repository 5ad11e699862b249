// The path of Socket.IO on the server of this page.

/** How long the page waits for the server's answer, in milliseconds. */
const PATIENCE_MS = 3000;

/** Returns the path below that of the server; undefined for the default, also if the server does not answer. */
export async function socketPathOf(server: string): Promise<string | undefined> {
  try {
    const answer = await fetch(`${server}/api/call/config`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    const { data } = (await answer.json()) as { data: { socket: { path: string } } };
    const prefix = new URL(server, location.href).pathname.replace(/\/$/, '');
    const { path } = data.socket;
    return path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path;
  } catch {
    return undefined;
  }
}

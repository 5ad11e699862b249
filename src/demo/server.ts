// Where the server of this page is.

/** The URL of the server, relative to this page, so that it also holds behind a path prefix. */
export const SERVER = '..';

/** Returns a path that the server gave out, without its path prefix. The server may know no prefix that a proxy removes. */
export function withoutPrefix(path: string): string {
  const prefix = new URL(SERVER, location.href).pathname.replace(/\/$/, '');
  return path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path;
}

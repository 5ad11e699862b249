// Where the server of this page is.

/** The URL of the server, relative to this page, so that it also holds behind a path prefix. */
export const SERVER = '..';

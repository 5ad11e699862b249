// The path of Socket.IO in the configuration.

import { API_PATH, AUTHORITY_PATH, DEMO_PATH, PEER_PATH, SOCKET_PATH, TRUST_PATH } from '../doors';
import { parsed, Unexpected } from './parsed';

/** Paths of other endpoints, and of files. */
const RESERVED = [
  API_PATH,
  PEER_PATH,
  DEMO_PATH.replace(/\/$/, ''),
  AUTHORITY_PATH,
  TRUST_PATH,
  '/client',
  '/health',
  '/ready',
];

/** A path such as `/call-socket/`; a slash at its start and its end is added. */
export const socketPath = parsed(`a path such as ${SOCKET_PATH}`, (text) => {
  const path = `/${text.replace(/^\/|\/$/g, '')}/`;
  // No characters with a meaning in Express's paths, and no dot segments, which URL parsers remove.
  if (!/^(\/(?!\.{1,2}\/)[\w.~-]{1,64})+\/$/.test(path)) throw new Unexpected('');
  const lowerCase = path.toLowerCase();
  const taken = RESERVED.map((reserved) => `${reserved}/`).find(
    (reserved) => lowerCase.startsWith(reserved) || reserved.startsWith(lowerCase),
  );
  if (taken !== undefined) throw new Unexpected(`a path that does not overlap ${taken}, which other endpoints use`);
  return path;
});

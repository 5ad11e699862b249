// The URL of Redis. ioredis parses a URL with unencoded characters in the password as another host, or not at all.

import { authorityOf } from './ice-urls';
import { Instruction, parsed, Unexpected } from './parsed';

/** User name and password (RFC 3986, 3.2.1), with the characters that the WHATWG URL Standard encodes itself. */
const USER_INFO = /^(?:[^\p{Cc}\p{Cs}\s#/?%@\\]|%[\da-f]{2})*$/iu;
/** A fragment, which no Redis URL has, an incomplete percent-encoding, or a character that no URL has. */
const UNENCODED = /[\p{Cc}\p{Cs}\s#\\]|%(?![\da-f]{2})/iu;

export const PERCENT_ENCODE =
  'percent-encode # / ? % @ \\ and spaces in the user name and the password, for example # as %23';

const description =
  'a URL such as redis://user:password@host:6379/0 or rediss://host, with # / ? % @ percent-encoded in the password';

/** `redis[s]://[user info@]host[:port][/database][?query]`, with the scheme and the host normalized. */
export const redisUrl = parsed(description, (text) => {
  const [, scheme, rest = ''] = /^(rediss?):\/\/(.*)$/is.exec(text) ?? [];
  if (scheme === undefined) throw new Unexpected();
  const end = rest.lastIndexOf('@');
  const userInfo = rest.slice(0, Math.max(end, 0));
  const location = rest.slice(end + 1);
  if (!USER_INFO.test(userInfo) || UNENCODED.test(location) || !isUtf8(rest)) throw new Instruction(PERCENT_ENCODE);
  const [, authority, path = '', query = ''] = /^([^/?]+)(\/\d{0,9})?(\?.*)?$/.exec(location) ?? [];
  if (authority === undefined) throw new Unexpected();
  return `${scheme.toLowerCase()}://${rest.slice(0, end + 1)}${authorityOf(authority)}${path}${query}`;
});

/** Returns whether a percent-encoded text decodes as UTF-8. */
function isUtf8(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

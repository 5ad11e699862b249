// Origins in the configuration: checked and normalized, so that each can match the `Origin` header of a browser.

import { nearestOf } from './nearest';
import { parsed, Unexpected } from './parsed';

/** Schemes without pages, or whose pages have the origin `null`. */
const NEVER_ORIGINS = ['ws', 'wss', 'ftp', 'blob', 'data', 'about', 'javascript', 'mailto'];

/** Domains of one label that belong to one network or machine: RFC 6761, RFC 6762, ICANN's `internal`, and usage. */
const LOCAL_DOMAINS = ['localhost', 'local', 'internal', 'test', 'lan'];

/** Takes the place of `*` while the URL parser of Node.js normalizes the origin. */
const PLACEHOLDER = 'back-call-wildcard';

/**
 * An origin in the form in which browsers send it, `*` for any, or `null`. A `*` in its host stands for one or more
 * characters of one label.
 */
export const origin = parsed("an origin such as 'https://app.example'", (text) => {
  if (text === '*' || text.toLowerCase() === 'null') return text.toLowerCase();
  // Pages from files have an opaque origin (URL Standard, "origin").
  if (/^file:\/\/\/?$/i.test(text)) return 'null';
  const [, scheme, host = '', rest = ''] = /^([a-z][a-z\d+.-]*):\/\/([^/?#]*)(.*)$/is.exec(text) ?? [];
  if (scheme === undefined) throw new Unexpected('an origin with a scheme, such as https://app.example');
  checkScheme(scheme.toLowerCase());
  checkHost(host, /^https?$/i.test(scheme));
  if (rest !== '' && rest !== '/')
    throw new Unexpected('an origin without path, query and fragment, such as https://app.example');
  return normalize(`${scheme}://${host}`);
});

function checkScheme(scheme: string): void {
  if (scheme === 'http' || scheme === 'https') return;
  if (scheme === 'file') throw new Unexpected('null or file:// for pages from files');
  const meant = nearestOf(scheme, ['http', 'https']);
  if (meant || NEVER_ORIGINS.includes(scheme))
    throw new Unexpected(`the origin of a page, such as ${meant ?? 'https'}://app.example`);
}

function checkHost(host: string, isWeb: boolean): void {
  if (host.includes('@')) throw new Unexpected('an origin without user name and password');
  if (/\s/.test(host)) throw new Unexpected('commas between origins, and no spaces in them');
  const [, name = '', port = ''] = /^(.*?)(?::([\d*]*))?$/s.exec(host) ?? [];
  if (port.includes('*')) throw new Unexpected('an origin without * in the port');
  if (/^0+$/.test(port)) throw new Unexpected('a port from 1 to 65535');
  if (name === '' || /[\\,;"'<>|^`{}%]/.test(name))
    throw new Unexpected('an origin with a host, such as https://app.example');
  // `app://.` and `app://-` are origins of Electron apps.
  if (name.startsWith('[') || (!isWeb && /^[.-]$/.test(name))) return;
  const labels = name.replace(/\.$/, '').split('.');
  if (labels.includes(''))
    throw new Unexpected('a host without empty labels, such as https://app.example or https://*.app.example');
  const index = labels.findIndex((label) => label.includes('*'));
  if (index >= 0) checkWildcard(name, labels[index] ?? '', labels.slice(index + 1));
}

function checkWildcard(host: string, label: string, domain: string[]): void {
  if (host.indexOf('*') !== host.lastIndexOf('*'))
    throw new Unexpected('one * at most, which stands for a part of one label');
  if (!/^[\x20-\x7e]*$/.test(label)) throw new Unexpected('only ASCII characters next to *');
  const isLocal = LOCAL_DOMAINS.includes(domain.join('.').toLowerCase());
  if (domain.length < 2 && !isLocal)
    throw new Unexpected('a domain after *, such as https://*.app.example, or * alone for any origin');
}

/** Returns an origin as the `URL` class writes it. A `*` stays where it is. */
function normalize(text: string): string {
  const url = text.replace('*', PLACEHOLDER);
  if (!URL.canParse(url))
    throw new Unexpected('a valid host and a port from 1 to 65535, as in https://app.example:8443');
  const { protocol, host } = new URL(url);
  const origin = `${protocol}//${host}`.toLowerCase();
  return text.includes('*') ? origin.replace(PLACEHOLDER, '*') : origin;
}

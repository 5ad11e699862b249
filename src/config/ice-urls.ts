// STUN and TURN URLs (RFC 7064, RFC 7065). Browsers throw for a wrong one, and no page could make a call.

import { domainToASCII } from 'node:url';
import ipaddr from 'ipaddr.js';
import { parsed, Unexpected } from './parsed';

/** A label of a host name. Underscores are not in RFC 1123, but in names of containers. */
const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/i;
const MAX_HOST_LENGTH = 253;

/** A STUN URL, normalized. */
export const stunUrl = parsed(
  'a STUN URL such as stun:stun.example:3478 or stuns:stun.example:5349, without transport',
  (text) => normalize(text, /^(stuns?):([^?]*)$/i),
);

/** A TURN URL, normalized. */
export const turnUrl = parsed(
  'a TURN URL such as turn:turn.example:3478?transport=udp or turns:turn.example:5349?transport=tcp',
  (text) => normalize(text, /^(turns?):([^?]*)(\?transport=(?:udp|tcp))?$/i),
);

/** The host and the port of a STUN and TURN server, normalized. */
export const iceHost = parsed('host:port such as turn.example:3478, without scheme', (text) => {
  if (!/:\d+$/.test(text)) throw new Unexpected();
  return authorityOf(text);
});

function normalize(text: string, form: RegExp): string {
  const [, scheme, authority = '', query = ''] = form.exec(text) ?? [];
  if (scheme === undefined) throw new Unexpected();
  return `${scheme.toLowerCase()}:${authorityOf(authority)}${query.toLowerCase()}`;
}

/** Parses and normalizes `host [ ":" port ]`. Throws an {@link Unexpected}. */
export function authorityOf(text: string): string {
  const [, bracketed, name = '', port] = /^(?:\[([\da-f:.]+)\]|([^\s[\]:@/\\]+))(?::(\d+))?$/i.exec(text) ?? [];
  const host = bracketed !== undefined && ipaddr.IPv6.isValid(bracketed) ? `[${bracketed}]` : hostNameOf(name);
  if (port === undefined) return host;
  if (Number(port) < 1 || Number(port) > 65_535) throw new Unexpected('a port from 1 to 65535');
  return `${host}:${Number(port)}`;
}

/** Returns a host name in ASCII, or an IPv4 address. */
function hostNameOf(text: string): string {
  const name = /^[\x20-\x7e]*$/.test(text) ? text : domainToASCII(text);
  const labels = name.replace(/\.$/, '').split('.');
  if (name.length > MAX_HOST_LENGTH || !labels.every((label) => LABEL.test(label))) throw new Unexpected();
  // A name whose last label is a number is an IPv4 address for browsers (URL Standard, "ends in a number").
  const isAddress = /^(\d+|0x[\da-f]*)$/i.test(labels.at(-1) ?? '');
  if (isAddress && !ipaddr.IPv4.isValidFourPartDecimal(name)) throw new Unexpected('a valid IPv4 address');
  return name;
}

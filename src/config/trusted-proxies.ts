// Which proxies are trusted: a number of them, or their addresses.

import ipaddr from 'ipaddr.js';
import * as z from 'zod';
import { parsed, Unexpected } from './parsed';

/** The names for ranges of addresses that the package `proxy-addr` has. */
const RANGES = ['loopback', 'linklocal', 'uniquelocal'];
const MAX_HOPS = 100;

const EXPECTED = `a number of proxies from 0 to ${MAX_HOPS}, or a list of addresses, CIDR ranges such as 10.0.0.0/8, or ${RANGES.join(', ')}`;

const entry = parsed(EXPECTED, (text) => {
  if (!isRange(text.toLowerCase())) throw new Unexpected();
  return text.toLowerCase();
});

export const trustedProxies = z.union([z.int().min(0).max(MAX_HOPS), z.array(entry)]).describe(EXPECTED);

/** Whether `proxy-addr` accepts it: a name, an address, or an address and the length of a prefix that is not 0. */
function isRange(text: string): boolean {
  if (RANGES.includes(text)) return true;
  const [, address = '', length] = /^([\da-f:.]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const bits = ipaddr.IPv4.isValidFourPartDecimal(address) ? 32 : ipaddr.IPv6.isValid(address) ? 128 : 0;
  return bits > 0 && (length === undefined || (Number(length) >= 1 && Number(length) <= bits));
}

// Which proxies are trusted: a number of them, or their addresses.

import ipaddr from 'ipaddr.js';
import * as z from 'zod';
import { parsed, Unexpected } from './parsed';

/** The names for ranges of addresses that the package `proxy-addr` has. */
const RANGES = ['loopback', 'linklocal', 'uniquelocal'];
const MAX_HOPS = 100;

const EXPECTED = `a number of proxies from 0 to ${MAX_HOPS}, or a list of addresses, CIDR ranges such as 10.0.0.0/8, or ${RANGES.join(', ')}`;

/** An address, an address and the length of a prefix that is not 0, or a name; normalized for `proxy-addr`. */
const entry = parsed(EXPECTED, (text) => {
  const name = text.toLowerCase();
  if (RANGES.includes(name)) return name;
  const [, address = '', length] = /^([\da-f:.]+)(?:\/(\d{1,3}))?$/.exec(name) ?? [];
  const bits = ipaddr.IPv4.isValidFourPartDecimal(address) ? 32 : ipaddr.IPv6.isValid(address) ? 128 : 0;
  if (bits === 0 || (length !== undefined && (Number(length) < 1 || Number(length) > bits))) throw new Unexpected();
  const normalized = ipaddr.parse(address).toString();
  return length === undefined ? normalized : `${normalized}/${Number(length)}`;
});

export const trustedProxies = z.union([z.int().min(0).max(MAX_HOPS), z.array(entry)]).describe(EXPECTED);

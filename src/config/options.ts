// The options of a call server: a schema with a default for each, and what belongs together.

import * as z from 'zod';
import { SOCKET_PATH } from '../doors';
import { complain, complaintsOf, ConfigError, show, type Complaint } from './complaints';
import type { Config, ConfigOptions, ProcessConfig } from './config';
import { iceHost, stunUrl, turnUrl } from './ice-urls';
import { origin } from './origins';
import { parsed, Unexpected } from './parsed';
import { redisUrl } from './redis-url';
import { socketPath } from './socket-path';
import { trustedProxies } from './trusted-proxies';

const DAY = 86_400_000;
/** The largest number of participants of a call that can be configured. */
const MAX_SEATS = 1000;

const wholeNumber = (min: number, max: number) =>
  z.int().min(min).max(max).describe(`a whole number from ${min} to ${max}`);

export const flag = () => z.boolean().describe('true or false');

export const text = (what: string) => z.string().min(1).describe(what);

const oneOf = <const T extends [string, ...string[]]>(...values: T) => z.enum(values).describe(values.join(' or '));

const listOf = <T extends z.ZodType>(item: T, what: string) => z.array(item).describe(`a list of ${what}`);

const PUBLIC_URL = /^https?:\/\/[^/?#@]+(\/[\w.~!$&'()*+;=:@%-]+)*$/;
const publicUrl = parsed('a URL like https://example.com/calls, without query, fragment and credentials', (value) => {
  const url = URL.canParse(value) ? new URL(value).href.replace(/\/+$/, '') : '';
  if (!PUBLIC_URL.test(url)) throw new Unexpected();
  return url;
});

/** Fewer bytes than 509 (RFC 8489, 14.3). Browsers refuse longer user names. */
const turnUsername = z
  .string()
  .min(1)
  .refine((value) => Buffer.byteLength(value) < 509, { error: 'a user name of at most 508 bytes' })
  .describe('a user name');

export const turnServer = z
  .strictObject({ host: iceHost, username: turnUsername, credential: text('a password') })
  .describe('an object with host, username and credential');

export const turnRest = z
  .strictObject({
    urls: listOf(turnUrl, 'at least one TURN URL').min(1),
    secret: text('the secret shared with the TURN server'),
    ttlSeconds: wholeNumber(60, 7 * 86_400).default(3600),
  })
  .describe('an object with urls and secret');

export const redis = z
  .strictObject({
    url: redisUrl,
    prefix: z
      .string()
      .regex(/^[^\s{}]+$/)
      .describe('a text without spaces and braces')
      .default('back-call'),
    isRequired: flag().default(false),
    leaseMs: wholeNumber(1000, DAY).default(15_000),
  })
  .describe('an object with url');

export const rateLimits = z
  .strictObject({
    windowMs: wholeNumber(1000, DAY).default(10_000),
    requests: wholeNumber(1, 1e9).default(300),
    connections: wholeNumber(1, 1e9).default(200),
    events: wholeNumber(1, 1e9).default(500),
    peerFrames: wholeNumber(1, 1e9).default(2000),
  })
  .describe('an object with limits');

/** The schema of each option. Environment variables have the same ones after their text is parsed. */
export const options = {
  port: wholeNumber(0, 65_535).default(5000),
  host: text('a host name or address').optional(),
  environment: text('a name').default('development'),
  publicUrl: publicUrl.optional(),
  socketPath: socketPath.default(SOCKET_PATH),
  demo: flag().optional(),
  corsOrigins: listOf(origin, 'origins such as https://app.example, with * among them for any').default([
    'http://localhost:5173',
  ]),
  maxParticipants: wholeNumber(1, MAX_SEATS).default(10),
  minParticipants: wholeNumber(1, MAX_SEATS).default(2),
  stunUrls: listOf(stunUrl, 'STUN URLs').default(['stun:stun.l.google.com:19302', 'stun:stun1.l.google.com:19302']),
  turnServer: turnServer.optional(),
  turnRest: turnRest.optional(),
  turnOpen: flag().default(false),
  peerDiscovery: flag().default(false),
  reconnectGraceMs: wholeNumber(0, DAY).default(15_000),
  shutdownGraceMs: wholeNumber(0, DAY).default(10_000),
  redis: redis.optional(),
  logLevel: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent').default('info'),
  logFormat: oneOf('pretty', 'json').optional(),
  trustProxy: trustedProxies.optional(),
  keepAliveTimeoutMs: wholeNumber(1000, DAY).default(65_000),
  maxConnections: wholeNumber(1, 1e9).optional(),
  maxConnectionsPerAddress: wholeNumber(1, 1e9).optional(),
  rateLimits: rateLimits.prefault({}),
} satisfies Record<keyof Config, z.ZodType>;

/** What `loadConfig` returns for the process, and a call server does not read. */
const processOptions = ['lan', 'tls', 'stateDir', 'open'] satisfies (keyof ProcessConfig)[];

/** The options whose values are in no complaint and in no log line. */
const secrets = ['turnServer.credential', 'turnRest.secret', 'redis.url'];

/**
 * Returns a configuration with these options and the defaults of all others. Throws a {@link ConfigError} for wrong values
 * and for unknown names.
 *
 * @param others - the schemas of options that are no configuration
 */
export function readOptions(given: unknown, others: Record<string, z.ZodType> = {}): Config {
  const ignored = Object.fromEntries(processOptions.map((name) => [name, z.unknown().optional()]));
  const schema = z.strictObject({ ...options, ...ignored, ...others }).describe('an object with options');
  const checked = schema.safeParse(given, { reportInput: true });
  const limitOf = (name: 'maxParticipants' | 'minParticipants') => {
    const found = (given as ConfigOptions | null)?.[name];
    return { name, found, parsed: options[name].safeParse(found) };
  };
  const complaints = [
    ...(checked.success ? [] : complaintsOf(checked.error, schema, nameOf, showAt)),
    ...participantsComplaints(limitOf('maxParticipants'), limitOf('minParticipants')),
  ];
  if (complaints.length > 0) throw new ConfigError(complaints);
  // Once more, for the types.
  const values = z.object(options).parse(given);
  return { ...values, logFormat: values.logFormat ?? logFormatIn(values.environment) };
}

/** Returns the path of an option as code has it. */
function nameOf(path: PropertyKey[]): string {
  const name = path.reduce<string>(
    (outer, key) => (typeof key === 'number' ? `${outer}[${key}]` : `${outer}.${String(key)}`),
    '',
  );
  if (name === '') return 'options';
  return /^[.\w$[\]-]+$/.test(name) ? name.slice(1) : show(name.slice(1));
}

function showAt(path: PropertyKey[], value: unknown): string {
  const name = nameOf(path);
  // A text in place of a group may be a secret of the group.
  const isSecret = secrets.some((secret) => secret === name || secret.startsWith(`${name}.`));
  return value !== undefined && isSecret ? 'a value' : show(value);
}

/** Returns the log format of an environment in which none is set. */
export const logFormatIn = (environment: string): Config['logFormat'] =>
  environment === 'production' ? 'json' : 'pretty';

interface Limit {
  name: string;
  found: unknown;
  parsed: z.ZodSafeParseResult<number>;
}

/** Returns what is wrong if the least number of participants is above the most. A limit that is wrong itself does not count. */
export function participantsComplaints(max: Limit, min: Limit): Complaint[] {
  if (!max.parsed.success || !min.parsed.success || min.parsed.data <= max.parsed.data) return [];
  return min.parsed.data <= options.minParticipants.def.defaultValue
    ? [complain(max.name, show(max.found), `a whole number from ${min.name} (${min.parsed.data}) to ${MAX_SEATS}`)]
    : [complain(min.name, show(min.found), `at most ${max.name} (${max.parsed.data})`)];
}

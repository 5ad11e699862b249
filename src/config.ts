// The environment, parsed once: what may be set, what it means when it is not, and what is wrong with it in one line each.

import * as z from 'zod';

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max))
    .describe(`a whole number from ${min} to ${max}`);

const integer = (fallback: number, min: number, max: number) => wholeNumber(min, max).default(fallback);

const oneOf = <const T extends [string, ...string[]]>(...values: T) => z.enum(values).describe(values.join(' or '));

const toggle = () =>
  z
    .enum(['on', 'off'])
    .transform((value) => value === 'on')
    .describe('on or off');

const split = (value: string) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

const listOf = (item: RegExp, what: string) =>
  z
    .string()
    .transform(split)
    .pipe(z.array(z.string().regex(item)))
    .describe(`a comma-separated list of ${what}`);

const ORIGIN = /^https?:\/\/[^/\s]+\/?$/i;
const PUBLIC_URL = /^https?:\/\/[^/?#@]+(\/[\w.~!$&'()*+;=:@%-]+)*$/;
const DAY = 86_400_000;

/** Every variable, in the order of env.example. A missing `default` means that it is off unless set. */
const variables = {
  PORT: integer(5000, 0, 65_535),
  HOST: z.string().describe('a host name or address').optional(),
  NODE_ENV: z.string().describe('a name').default('development'),
  DEMO: toggle().optional(),
  OPEN: toggle().default(false),
  LAN: toggle().default(false),
  HTTPS: toggle().default(false),
  TLS_CERT: z.string().describe('a file').optional(),
  TLS_KEY: z.string().describe('a file').optional(),
  STATE_DIR: z.string().describe('a folder').optional(),
  PUBLIC_URL: z
    .string()
    .transform((value) => (URL.canParse(value) ? new URL(value).href.replace(/\/+$/, '') : ''))
    .pipe(z.string().regex(PUBLIC_URL))
    .describe('a URL like https://example.com/calls, without query, fragment and credentials')
    .optional(),
  CORS_ORIGIN: z
    .string()
    .transform(split)
    .refine((origins) => origins.every((origin) => origin === '*' || ORIGIN.test(origin)))
    .describe('* or a comma-separated list of origins like https://app.example')
    .default(['http://localhost:5173']),
  MAX_PARTICIPANTS: integer(10, 1, 1000),
  MIN_PARTICIPANTS: integer(2, 1, 1000),
  STUN_URLS: listOf(/^stuns?:\S+$/, 'stun: URLs').default([
    'stun:stun.l.google.com:19302',
    'stun:stun1.l.google.com:19302',
  ]),
  TURN_SERVER_URL: z
    .string()
    .regex(/^[^\s/:]+:\d+$|^\[[^\s/]+\]:\d+$/)
    .describe('host:port')
    .optional(),
  TURN_USERNAME: z.string().describe('a user name').optional(),
  TURN_CREDENTIAL: z.string().describe('a password').optional(),
  TURN_URLS: listOf(/^turns?:\S+$/, 'turn: or turns: URLs').optional(),
  TURN_SECRET: z.string().describe('the secret shared with the TURN server').optional(),
  TURN_TTL_SECONDS: integer(3600, 60, 7 * 86_400),
  TURN_OPEN: toggle().default(false),
  RECONNECT_GRACE_MS: integer(15_000, 0, DAY),
  SHUTDOWN_GRACE_MS: integer(10_000, 0, DAY),
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\/\S+$/)
    .describe('a redis: or rediss: URL')
    .optional(),
  REDIS_PREFIX: z
    .string()
    .regex(/^[^\s{}]+$/)
    .describe('a text without spaces and braces')
    .default('back-call'),
  REDIS_REQUIRED: toggle().default(false),
  NODE_LEASE_MS: integer(15_000, 1000, DAY),
  LOG_LEVEL: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent').default('info'),
  LOG_FORMAT: oneOf('pretty', 'json').optional(),
  TRUST_PROXY: z
    .string()
    .regex(/^\d+$|^[\da-fA-F.:/]+(\s*,\s*[\da-fA-F.:/]+)*$/)
    .transform((value) => (/^\d+$/.test(value) ? Number(value) : split(value)))
    .describe('a number of proxies, or a comma-separated list of their addresses or CIDRs')
    .optional(),
  KEEP_ALIVE_TIMEOUT_MS: integer(65_000, 1000, DAY),
  MAX_CONNECTIONS: wholeNumber(1, 1e9).optional(),
  MAX_CONNECTIONS_PER_ADDRESS: wholeNumber(1, 1e9).optional(),
  RATE_LIMIT_WINDOW_MS: integer(10_000, 1000, DAY),
  RATE_LIMIT_REQUESTS: integer(300, 1, 1e9),
  RATE_LIMIT_CONNECTIONS: integer(200, 1, 1e9),
  RATE_LIMIT_EVENTS: integer(500, 1, 1e9),
  RATE_LIMIT_PEER_FRAMES: integer(2000, 1, 1e9),
} satisfies Record<string, z.ZodType>;

export type VariableName = keyof typeof variables;

/** The names of all variables, in the order of env.example. */
export const variableNames = Object.keys(variables) as VariableName[];

/** What is never shown, and never asked for where others can read it. */
export const secretNames = ['TURN_CREDENTIAL', 'TURN_SECRET', 'REDIS_URL'] satisfies VariableName[];

const environment = z.object(variables).superRefine((env, context) => {
  const needs = (name: VariableName, other: VariableName) => {
    if (env[name] !== undefined && env[other] === undefined)
      context.addIssue({ code: 'custom', path: [other], message: `something, because ${name} is set` });
  };
  needs('TURN_SERVER_URL', 'TURN_USERNAME');
  needs('TURN_SERVER_URL', 'TURN_CREDENTIAL');
  needs('TURN_URLS', 'TURN_SECRET');
  needs('TURN_SECRET', 'TURN_URLS');
  needs('TLS_CERT', 'TLS_KEY');
  needs('TLS_KEY', 'TLS_CERT');
  if (env.MAX_PARTICIPANTS > 0 && env.MIN_PARTICIPANTS > env.MAX_PARTICIPANTS)
    context.addIssue({ code: 'custom', path: ['MIN_PARTICIPANTS'], message: 'at most MAX_PARTICIPANTS' });
});

/** What a call server can be told; the environment of the process is one way to tell it. */
export interface Config {
  port: number;
  /** Undefined for all interfaces. */
  host?: string | undefined;
  environment: string;
  /** The URL under which clients reach this server, a path prefix included; undefined for that of each request. */
  publicUrl?: string | undefined;
  /** Whether the demo is served. Unless set, it is in development, but never inside another application. */
  demo?: boolean | undefined;
  /** `*` among them for any. */
  corsOrigins: string[];
  maxParticipants: number;
  minParticipants: number;
  stunUrls: string[];
  turnServer?: { host: string; username: string; credential: string } | undefined;
  turnRest?: { urls: string[]; secret: string; ttlSeconds: number } | undefined;
  /** Whether clients that joined no call get TURN credentials, too. */
  turnOpen: boolean;
  /** How long the seat of a lost connection is kept, in milliseconds. */
  reconnectGraceMs: number;
  /** How long closing may take, in milliseconds. */
  shutdownGraceMs: number;
  /**
   * The Redis that several nodes share; undefined for one node. Whether it has to be there at the start, and for how many
   * milliseconds after its last sign of life a node counts as alive.
   */
  redis?: { url: string; prefix: string; isRequired: boolean; leaseMs: number } | undefined;
  logLevel: string;
  logFormat: 'pretty' | 'json';
  /** How many proxies stand in front of us, or their addresses; undefined for none. */
  trustProxy?: number | string[] | undefined;
  /** How long an idle HTTP connection is kept for its next request, in milliseconds. */
  keepAliveTimeoutMs: number;
  /** How many connections there may be at once; undefined for what the process' file descriptors allow, at most 10,000. */
  maxConnections?: number | undefined;
  /** The same for one client address; undefined for half of them, at most 1,000. */
  maxConnectionsPerAddress?: number | undefined;
  /** How much is allowed per window of `windowMs`: by one address, and on one connection. */
  rateLimits: { windowMs: number; requests: number; connections: number; events: number; peerFrames: number };
}

/** What the environment says beside that: how the process is reached, and how it greets. */
export interface ProcessConfig extends Config {
  /** For a network without internet: every address is told, and nothing outside of it is asked for anything. */
  lan: boolean;
  /** HTTPS with these files in PEM, or with certificates from an authority of this machine's own; undefined for none. */
  tls?: { certFile: string; keyFile: string } | 'own authority' | undefined;
  /** Where that authority is kept; undefined for the usual place of the system. */
  stateDir?: string | undefined;
  /** Whether the demo is opened in a browser. */
  open: boolean;
}

export interface Complaint {
  variable: VariableName;
  /** What was found, and what is expected. */
  text: string;
}

/** What is wrong with the environment: one line per variable. */
export class ConfigError extends Error {
  readonly complaints: Complaint[];

  constructor(complaints: Complaint[]) {
    super(complaints.map(({ variable, text }) => `${variable}: ${text}`).join('\n'));
    this.name = 'ConfigError';
    this.complaints = complaints;
  }
}

/**
 * Reads the configuration from environment variables. An empty value counts as unset, `STUN_URLS` aside, where it means
 * none. Throws a {@link ConfigError} if any value is not what it should be.
 */
export function loadConfig(env: Record<string, string | undefined> = {}): ProcessConfig {
  const isSet = (name: string) => env[name] !== undefined && (env[name].trim() !== '' || name === 'STUN_URLS');
  const set = Object.fromEntries(variableNames.filter(isSet).map((name) => [name, env[name]?.trim()]));
  const parsed = environment.safeParse(set);
  if (!parsed.success) throw new ConfigError(complaintsOf(parsed.error, set));

  const values = parsed.data;
  const { TURN_SERVER_URL, TURN_USERNAME, TURN_CREDENTIAL, TURN_URLS, TURN_SECRET, TLS_CERT, TLS_KEY, LAN } = values;
  return {
    port: values.PORT,
    host: values.HOST,
    environment: values.NODE_ENV,
    publicUrl: values.PUBLIC_URL,
    // Who carries it to a room without internet has no other page there.
    demo: values.DEMO ?? (LAN || undefined),
    open: values.OPEN,
    lan: LAN,
    tls:
      TLS_CERT && TLS_KEY
        ? { certFile: TLS_CERT, keyFile: TLS_KEY }
        : LAN || values.HTTPS
          ? 'own authority'
          : undefined,
    stateDir: values.STATE_DIR,
    corsOrigins: values.CORS_ORIGIN,
    maxParticipants: values.MAX_PARTICIPANTS,
    minParticipants: values.MIN_PARTICIPANTS,
    // A TURN server answers STUN too, and so takes the place of the default ones. A network without internet has none,
    // also where a .env that was made for elsewhere says so.
    stunUrls: LAN || (TURN_SERVER_URL && set.STUN_URLS === undefined) ? [] : values.STUN_URLS,
    turnServer:
      TURN_SERVER_URL && TURN_USERNAME && TURN_CREDENTIAL
        ? { host: TURN_SERVER_URL, username: TURN_USERNAME, credential: TURN_CREDENTIAL }
        : undefined,
    turnRest:
      TURN_URLS && TURN_SECRET
        ? { urls: TURN_URLS, secret: TURN_SECRET, ttlSeconds: values.TURN_TTL_SECONDS }
        : undefined,
    turnOpen: values.TURN_OPEN,
    reconnectGraceMs: values.RECONNECT_GRACE_MS,
    shutdownGraceMs: values.SHUTDOWN_GRACE_MS,
    redis: values.REDIS_URL
      ? {
          url: values.REDIS_URL,
          prefix: values.REDIS_PREFIX,
          isRequired: values.REDIS_REQUIRED,
          leaseMs: values.NODE_LEASE_MS,
        }
      : undefined,
    logLevel: values.LOG_LEVEL,
    logFormat: values.LOG_FORMAT ?? (values.NODE_ENV === 'production' ? 'json' : 'pretty'),
    trustProxy: values.TRUST_PROXY,
    keepAliveTimeoutMs: values.KEEP_ALIVE_TIMEOUT_MS,
    maxConnections: values.MAX_CONNECTIONS,
    maxConnectionsPerAddress: values.MAX_CONNECTIONS_PER_ADDRESS,
    rateLimits: {
      windowMs: values.RATE_LIMIT_WINDOW_MS,
      requests: values.RATE_LIMIT_REQUESTS,
      connections: values.RATE_LIMIT_CONNECTIONS,
      events: values.RATE_LIMIT_EVENTS,
      peerFrames: values.RATE_LIMIT_PEER_FRAMES,
    },
  };
}

function complaintsOf({ issues }: z.ZodError, set: Record<string, string | undefined>): Complaint[] {
  const complaints = new Map<VariableName, Complaint>();
  for (const { path, code, message } of issues) {
    const variable = path[0] as VariableName;
    const isSecret = (secretNames as VariableName[]).includes(variable);
    const found = set[variable] === undefined ? 'nothing' : isSecret ? 'a value' : JSON.stringify(set[variable]);
    const expected = code === 'custom' && message !== 'Invalid input' ? message : expectation(variables[variable]);
    complaints.set(variable, { variable, text: `found ${found}, expected ${expected}` });
  }
  return [...complaints.values()];
}

/** What a variable is when it is not set, as it would be written; undefined when it then is off. */
export function defaultOf(name: VariableName): string | undefined {
  const schema = variables[name];
  if (!(schema instanceof z.ZodDefault)) return undefined;
  const { defaultValue } = schema.def;
  if (typeof defaultValue === 'boolean') return defaultValue ? 'on' : 'off';
  return String(defaultValue);
}

/** The description of a variable, which `.default()` and `.optional()` wrap. */
function expectation(schema: z.ZodType): string {
  for (let inner: unknown = schema; inner instanceof z.ZodType;) {
    if (inner.description) return inner.description;
    inner = inner instanceof z.ZodDefault || inner instanceof z.ZodOptional ? inner.unwrap() : undefined;
  }
  return 'another value';
}

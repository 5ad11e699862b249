// The environment variables: how the text of each is read, and which option it sets.

import * as z from 'zod';
import { defaultIn } from './complaints';
import { flag, options, rateLimits, redis, text, turnRest, turnServer } from './options';

/** Reads a text with `read` before the schema checks it. */
const from = <T extends z.ZodType>(read: (text: string) => unknown, schema: T) =>
  z.preprocess((value) => (typeof value === 'string' ? read(value) : value), schema);

const number = <T extends z.ZodType>(schema: T) =>
  from((value) => (/^\d+$/.test(value) ? Number(value) : value), schema);

const toggle = <T extends z.ZodType>(schema: T) =>
  from((value) => ({ on: true, off: false })[value] ?? value, schema).describe('on or off');

const plain = <T extends z.ZodType>(schema: T) => from((value) => value, schema);

const list = <T extends z.ZodType>(schema: T) => from(split, schema);

/** Returns the entries between commas; the text itself if it has only commas. */
function split(value: string): string | string[] {
  const entries = value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  return entries.length > 0 || value === '' ? entries : value;
}

/** Every variable, in the order of env.example. */
export const variables = {
  PORT: number(options.port),
  HOST: plain(options.host),
  NODE_ENV: plain(options.environment),
  DEMO: toggle(options.demo),
  OPEN: toggle(flag().default(false)),
  LAN: toggle(flag().default(false)),
  HTTPS: toggle(flag().default(false)),
  TLS_CERT: plain(text('a file').optional()),
  TLS_KEY: plain(text('a file').optional()),
  STATE_DIR: plain(text('a folder').optional()),
  SOCKET_PATH: plain(options.socketPath),
  PUBLIC_URL: plain(options.publicUrl),
  CORS_ORIGIN: list(options.corsOrigins),
  MAX_PARTICIPANTS: number(options.maxParticipants),
  MIN_PARTICIPANTS: number(options.minParticipants),
  STUN_URLS: list(options.stunUrls),
  TURN_SERVER_URL: plain(turnServer.shape.host.optional()),
  TURN_USERNAME: plain(turnServer.shape.username.optional()),
  TURN_CREDENTIAL: plain(turnServer.shape.credential.optional()),
  TURN_URLS: list(turnRest.shape.urls.optional()),
  TURN_SECRET: plain(turnRest.shape.secret.optional()),
  TURN_TTL_SECONDS: number(turnRest.shape.ttlSeconds),
  TURN_OPEN: toggle(options.turnOpen),
  PEER_DISCOVERY: toggle(options.peerDiscovery),
  RECONNECT_GRACE_MS: number(options.reconnectGraceMs),
  SHUTDOWN_GRACE_MS: number(options.shutdownGraceMs),
  REDIS_URL: plain(redis.shape.url.optional()),
  REDIS_PREFIX: plain(redis.shape.prefix),
  REDIS_REQUIRED: toggle(redis.shape.isRequired),
  NODE_LEASE_MS: number(redis.shape.leaseMs),
  LOG_LEVEL: plain(options.logLevel),
  LOG_FORMAT: plain(options.logFormat),
  TRUST_PROXY: from((value) => (/^\d+$/.test(value) ? Number(value) : split(value)), options.trustProxy),
  KEEP_ALIVE_TIMEOUT_MS: number(options.keepAliveTimeoutMs),
  MAX_CONNECTIONS: number(options.maxConnections),
  MAX_CONNECTIONS_PER_ADDRESS: number(options.maxConnectionsPerAddress),
  RATE_LIMIT_WINDOW_MS: number(rateLimits.shape.windowMs),
  RATE_LIMIT_REQUESTS: number(rateLimits.shape.requests),
  RATE_LIMIT_CONNECTIONS: number(rateLimits.shape.connections),
  RATE_LIMIT_EVENTS: number(rateLimits.shape.events),
  RATE_LIMIT_PEER_FRAMES: number(rateLimits.shape.peerFrames),
} satisfies Record<string, z.ZodType>;

export type VariableName = keyof typeof variables;

/** The names of all variables, in the order of env.example. */
export const variableNames = Object.keys(variables) as VariableName[];

/** What is never shown, and never asked for where others can read it. */
export const secretNames = ['TURN_CREDENTIAL', 'TURN_SECRET', 'REDIS_URL'] satisfies VariableName[];

/** What a variable is when it is not set, as it would be written; undefined when it then is off. */
export function defaultOf(name: VariableName): string | undefined {
  const value = defaultIn(variables[name]) as string | number | boolean | string[] | undefined;
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return value === undefined ? undefined : String(value);
}

// The configuration of the process, read from environment variables.

import * as z from 'zod';
import { complain, complaintsOf, ConfigError, show, type Complaint } from './complaints';
import type { ProcessConfig } from './config';
import { logFormatIn, participantsComplaints } from './options';
import { secretNames, variableNames, variables, type VariableName } from './variables';

type Environment = Partial<Record<VariableName, string>>;

const environment = z.object(variables);

/** Variables that need another one. */
const NEEDS: [name: VariableName, other: VariableName][] = [
  ['TURN_SERVER_URL', 'TURN_USERNAME'],
  ['TURN_SERVER_URL', 'TURN_CREDENTIAL'],
  ['TURN_URLS', 'TURN_SECRET'],
  ['TURN_SECRET', 'TURN_URLS'],
  ['TLS_CERT', 'TLS_KEY'],
  ['TLS_KEY', 'TLS_CERT'],
];

/**
 * Reads the configuration from environment variables. An empty value counts as unset, `STUN_URLS` aside, where it means
 * none. Throws a {@link ConfigError} if any value is not what it should be.
 */
export function loadConfig(env: Record<string, string | undefined> = {}): ProcessConfig {
  const isSet = (name: string) => env[name] !== undefined && (env[name].trim() !== '' || name === 'STUN_URLS');
  const set: Environment = Object.fromEntries(variableNames.filter(isSet).map((name) => [name, env[name]?.trim()]));
  // Every name is there, because a missing one would not get its default.
  const parsed = environment.safeParse(Object.fromEntries(variableNames.map((name) => [name, set[name]])), {
    reportInput: true,
  });
  const limitOf = (name: 'MAX_PARTICIPANTS' | 'MIN_PARTICIPANTS') => ({
    name,
    found: set[name],
    parsed: variables[name].safeParse(set[name]),
  });
  const complaints = [
    ...(parsed.success ? [] : wrongValues(parsed.error, set)),
    ...participantsComplaints(limitOf('MAX_PARTICIPANTS'), limitOf('MIN_PARTICIPANTS')),
    ...missing(set),
  ];
  if (!parsed.success || complaints.length > 0) throw new ConfigError(complaints);

  const values = parsed.data;
  const { TURN_SERVER_URL, TURN_USERNAME, TURN_CREDENTIAL, TURN_URLS, TURN_SECRET, TLS_CERT, TLS_KEY, LAN } = values;
  return {
    port: values.PORT,
    host: values.HOST,
    environment: values.NODE_ENV,
    publicUrl: values.PUBLIC_URL,
    socketPath: values.SOCKET_PATH,
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
    peerDiscovery: values.PEER_DISCOVERY,
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
    logFormat: values.LOG_FORMAT ?? logFormatIn(values.NODE_ENV),
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

function wrongValues(error: z.ZodError, set: Environment): Complaint[] {
  return complaintsOf(
    error,
    environment,
    ([name]) => String(name),
    ([name, index], input) => {
      if ((secretNames as string[]).includes(String(name))) return 'a value';
      const text = set[name as VariableName];
      // A password may have a comma, so that an entry of a list is a part of it.
      return show(index === undefined || text?.includes('@') ? text : input);
    },
  );
}

function missing(set: Environment): Complaint[] {
  const needed = NEEDS.filter(([name, other]) => set[name] !== undefined && set[other] === undefined);
  return needed.map(([name, other]) => complain(other, 'nothing', `something, because ${name} is set`));
}

// The shape of a configuration: of a call server, and of the process around it.

/** The limits per window of `windowMs`: requests and new connections of one address, events and frames of one connection. */
export interface RateLimits {
  windowMs: number;
  requests: number;
  connections: number;
  events: number;
  peerFrames: number;
}

/** What a call server can be told; the environment of the process is one way to tell it. */
export interface Config {
  port: number;
  /** Undefined for all interfaces. */
  host?: string | undefined;
  environment: string;
  /** The URL under which clients reach this server, a path prefix included; undefined for that of each request. */
  publicUrl?: string | undefined;
  /** The path of Socket.IO, with a slash at its start and its end. */
  socketPath: string;
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
  /** Whether clients can list the ids of all peers that are connected to the broker (`peer.listAllPeers()`). */
  peerDiscovery: boolean;
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
  rateLimits: RateLimits;
}

/** The parts of `T` may be missing or undefined. */
export type Loose<T> = { [Name in keyof T]?: T[Name] | undefined };

/** The options of a configuration. An option that is missing or undefined has its default, in groups, too. */
export interface ConfigOptions extends Loose<Omit<Config, 'turnRest' | 'redis' | 'rateLimits'>> {
  turnRest?: ({ urls: string[]; secret: string } & Loose<NonNullable<Config['turnRest']>>) | undefined;
  redis?: ({ url: string } & Loose<NonNullable<Config['redis']>>) | undefined;
  rateLimits?: Loose<RateLimits> | undefined;
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

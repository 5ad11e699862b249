// This node's link to Redis: scripts one way, its inbox the other way, and whether it counts as alive.

import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis as RedisClient } from 'ioredis';
import { monotonicNow } from '../../clock';
import { CallError } from '../../errors';
import type { Logger } from '../../logger';
import { scripts, type ScriptName } from './scripts';

export interface RedisOptions {
  /** `redis://` or, for TLS, `rediss://`, with user name and password as the server wants them. */
  url: string;
  /** By which all keys begin. Nodes with the same prefix are one service. */
  prefix: string;
  /** Whether a Redis that does not answer at the start ends it. */
  isRequired: boolean;
  /** How long a node counts as alive after its last sign of life, in milliseconds. */
  leaseMs: number;
  /** How long the seat of a lost connection is kept. */
  graceMs: number;
  /** Seats of a call. */
  capacity: number;
  log: Logger;
  /** Unless given, the time of Redis itself: the clocks of nodes need not agree. */
  clock?: () => number;
}

/** What is stored and sent is of this version. A node of another major version is a stranger to us. */
const VERSION = 1;
/** How long anything is kept that no node renews. */
const KEEP_MS = 600_000;
/** After Redis lost its data: how long joining waits, while the nodes bring back what they have. */
const SETTLE_MS = 2000;
/** How long a command may be without an answer before the connection counts as dead. */
const SILENCE_MS = 3000;
const READ_BLOCK_MS = 1000;
const RETRY_MAX_MS = 1000;
/** What Redis says when it cannot do now what it could at another time. */
const TEMPORARY = /\b(LOADING|READONLY|MASTERDOWN|BUSY|OOM|NOREPLICAS|TRYAGAIN|CLUSTERDOWN|MISCONF)\b/;
/** Errors of Redis about user names, passwords and permissions; those with `ERR` are of Redis 5 and older. */
const REFUSED_USER = /^(?:Redis: )?(?:WRONGPASS|NOAUTH|NOPERM|ERR invalid password)\b/;

type Entry = [id: string, fields: [what: string, body: string]];

/** What this node has, which Redis may have lost. */
export interface Belongings {
  seats: object[];
  peers: object[];
  /** Who left while Redis was away. */
  departures: object[];
}

export class RedisLink {
  readonly node = randomBytes(9).toString('base64url');
  readonly options: RedisOptions;
  /** Connected, entered, and therefore part of the whole. */
  isUp = false;
  /** What this node has, told when it enters. */
  belongings: () => Belongings = () => ({ seats: [], peers: [], departures: [] });
  /**
   * Called when Redis, or the others, had forgotten this node: what it believes of others may no longer be so. Called
   * again when every other living node has entered, too.
   */
  onForgotten: (isComplete: boolean) => void = () => undefined;
  readonly #listeners = new Map<string, (body: string, id: string) => void>();
  readonly #readers: { id: string; resolve: () => void; reject: (reason: unknown) => void }[] = [];
  readonly #waitingForUp = new Set<() => void>();
  #commands: RedisClient | undefined;
  #reader: RedisClient | undefined;
  #opening: Promise<void> | undefined;
  #beating: NodeJS.Timeout | undefined;
  #comparing: NodeJS.Timeout | undefined;
  #epoch = 0;
  #lastRead = '0-0';
  #lastReadAt = 0;
  #clockOffset = 0;
  #upSince = 0;
  #settledAt = 0;
  #renewedAt = 0;
  #hasBeenUp = false;
  #isForgotten = false;
  #isEntering = false;
  #isClosed = false;
  #complaint = '';

  constructor(options: RedisOptions) {
    this.options = options;
  }

  /** Begins to connect, and goes on trying. Settles after the first attempt; rejects if that failed. */
  open(): Promise<void> {
    return (this.#opening ??= this.#connect());
  }

  /** Returns the time of Redis, or of the test: measured once per connection, and monotonic from then on. */
  clock(): number {
    return this.options.clock?.() ?? monotonicNow() + this.#clockOffset;
  }

  /** `listener` gets every entry of the inbox that is of this sort. */
  on(what: string, listener: (body: string, id: string) => void): void {
    this.#listeners.set(what, listener);
  }

  /** Runs a script. Refuses with `UNAVAILABLE` while Redis is away: then it may have been done, or not. */
  async run(script: ScriptName, ...args: (string | number)[]): Promise<unknown> {
    if (!this.isUp) throw unavailable();
    return this.#call(script, args);
  }

  /** Settles when this node was told what stands in its inbox up to `id`. */
  reached(id: string): Promise<void> {
    if (id === '' || !isLater(id, this.#lastRead)) return Promise.resolve();
    return new Promise((resolve, reject) => this.#readers.push({ id, resolve, reject }));
  }

  /** Settles when Redis is there. */
  async up(): Promise<void> {
    if (!this.isUp) await new Promise<void>((resolve) => this.#waitingForUp.add(resolve));
  }

  /** The client that runs our scripts, for libraries that bring scripts of their own; undefined until it is loaded. */
  get client(): RedisClient | undefined {
    return this.#commands;
  }

  get prefix(): string {
    return `${this.options.prefix}:${VERSION}:`;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#beating);
    if (this.isUp) await this.#call('bcLeave', []).catch(() => undefined);
    this.#down();
    this.#commands?.disconnect();
    this.#reader?.disconnect();
    for (const resolve of this.#waitingForUp) resolve();
  }

  // ---- Connecting ------------------------------------------------------------------------------------------------

  async #connect(): Promise<void> {
    // Only who needs it loads it.
    const { default: Redis } = await import('ioredis');
    const { url } = this.options;
    const common = {
      lazyConnect: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      connectTimeout: SILENCE_MS,
      retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 10), RETRY_MAX_MS),
    };
    // The master has become a replica, and does not end our connection: a new one leads to the new master.
    const reconnectOnError = ({ message }: Error) => message.includes('READONLY');
    this.#commands = new Redis(url, { ...common, scripts, socketTimeout: SILENCE_MS, reconnectOnError });
    this.#reader = new Redis(url, { ...common, socketTimeout: SILENCE_MS + READ_BLOCK_MS });
    // Both are connected to the same server, or what is said to the one is not heard by the other.
    this.#commands.on('close', () => this.#isClosed || this.#reader?.disconnect(true));
    for (const client of [this.#commands, this.#reader]) {
      client.on('error', ({ message }) => this.#complain(message, 'Redis does not answer, trying again'));
      client.on('ready', () => void this.#enter());
      client.on('close', () => this.#down());
    }
    await Promise.all([this.#commands.connect(), this.#reader.connect()]);
    await this.up();
  }

  /** Tells Redis that this node is there, and what it has. */
  async #enter(): Promise<void> {
    const isReady = () => this.#commands?.status === 'ready' && this.#reader?.status === 'ready' && !this.#isClosed;
    if (this.#isEntering || this.isUp || !isReady()) return;
    this.#isEntering = true;
    const { leaseMs, capacity, log } = this.options;
    try {
      await this.#setClock();
      const wasUp = this.#hasBeenUp;
      const has = () => {
        const { seats, peers, departures } = this.belongings();
        return [seats, peers, departures].map((all) => JSON.stringify(all));
      };
      let told: string[];
      do {
        told = has();
        this.#epoch += 1;
        const until = this.clock() + leaseMs;
        const answer = await this.#call('bcEnter', [until, ...told, wasUp ? 1 : 0, capacity, SETTLE_MS]);
        const [wasKnown, entry] = answer as [number, string];
        if (!wasKnown) this.#lastRead = before(entry);
        this.#isForgotten ||= wasUp && !wasKnown;
        // What happened here meanwhile, Redis was not told.
      } while (isReady() && has().join() !== told.join());
      if (!isReady()) return;
      this.isUp = true;
      this.#upSince = this.#renewedAt = this.#lastReadAt = performance.now();
      this.#settledAt = this.#upSince + (wasUp ? SETTLE_MS : 0);
      this.#hasBeenUp = true;
      log.info({ node: this.node }, wasUp ? 'Redis is back' : 'Redis is there');
      void this.#read(this.#epoch);
      this.#beatLater();
      for (const resolve of this.#waitingForUp) resolve();
      this.#waitingForUp.clear();
      if (!this.#isForgotten) return;
      this.#isForgotten = false;
      this.onForgotten(false);
      this.#comparing = setTimeout(() => this.onForgotten(true), leaseMs).unref();
    } catch (error) {
      this.#complain((error as Error).message, 'Redis did not let this node in, trying again');
      await delay(RETRY_MAX_MS, undefined, { ref: false });
    } finally {
      this.#isEntering = false;
    }
    if (!this.isUp) void this.#enter();
  }

  /** Logs an error that repeats with each attempt only once. */
  #complain(reason: string, what: string): void {
    const isRefused = REFUSED_USER.test(reason);
    if (reason !== this.#complaint)
      this.options.log.warn({ reason }, isRefused ? 'Redis refuses the user of REDIS_URL, trying again' : what);
    this.#complaint = reason;
  }

  #down(): void {
    clearTimeout(this.#beating);
    clearTimeout(this.#comparing);
    if (this.isUp && !this.#isClosed) this.options.log.error('Redis is away: this node goes on by itself');
    this.isUp = false;
    for (const { reject } of this.#readers.splice(0)) reject(unavailable());
  }

  async #setClock(): Promise<void> {
    const askedAt = monotonicNow();
    const [seconds, microseconds] = ((await this.#commands?.time()) ?? []).map(Number);
    const now = monotonicNow();
    this.#clockOffset = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000) - (askedAt + now) / 2;
    this.#clockOffset = Math.round(this.#clockOffset);
  }

  async #call(script: ScriptName, args: (string | number)[]): Promise<unknown> {
    const client = this.#commands as unknown as Record<ScriptName, (...args: (string | number)[]) => Promise<unknown>>;
    try {
      return await client[script](this.prefix, this.node, this.#epoch, this.clock(), KEEP_MS, ...args);
    } catch (error) {
      throw this.#understand(error as Error);
    }
  }

  /** What the rules may know of an error of Redis: whether it will pass. Its text has commands in it, and so secrets. */
  #understand(error: Error): Error {
    const isForgotten = error.message.includes('UNKNOWN_NODE');
    if (isForgotten || TEMPORARY.test(error.message)) {
      // What is done here until it lets us in again, it is told then.
      this.#down();
      void this.#enter();
    } else if (error.name === 'ReplyError') return new Error(`Redis: ${error.message}`);
    return unavailable();
  }

  // ---- The inbox -------------------------------------------------------------------------------------------------

  async #read(epoch: number): Promise<void> {
    const inbox = `${this.prefix}inbox:${this.node}`;
    while (this.isUp && epoch === this.#epoch) {
      try {
        const answer = await this.#reader?.xread(
          'COUNT',
          500,
          'BLOCK',
          READ_BLOCK_MS,
          'STREAMS',
          inbox,
          this.#lastRead,
        );
        if (epoch !== this.#epoch) return;
        this.#lastReadAt = performance.now();
        for (const [id, [what, body]] of (answer?.[0]?.[1] ?? []) as Entry[]) this.#hear(id, what, body);
      } catch {
        // The connection is gone; with it goes `isUp`, and both come back.
        await delay(50, undefined, { ref: false });
      }
    }
  }

  #hear(id: string, what: string, body: string): void {
    this.#lastRead = id;
    const { log } = this.options;
    try {
      const listener = this.#listeners.get(what);
      if (listener) listener(body, id);
      else log.debug({ what }, 'a node of another version said what we do not understand');
    } catch (error) {
      log.error({ what, err: error }, 'failed');
    }
    while (this.#readers[0] && !isLater(this.#readers[0].id, id)) this.#readers.shift()?.resolve();
  }

  // ---- Being alive -----------------------------------------------------------------------------------------------

  #beatLater(): void {
    clearTimeout(this.#beating);
    const beat = () =>
      void this.#beat().finally(() => {
        if (this.isUp) this.#beatLater();
      });
    this.#beating = setTimeout(beat, Math.min(1000, this.options.leaseMs / 3)).unref();
  }

  /** Renews the lease, unless this node does not hear what it is told; and looks whose has run out. */
  async #beat(): Promise<void> {
    const { leaseMs, graceMs, log } = this.options;
    const now = performance.now();
    if (now - this.#lastReadAt > leaseMs) return;
    const mayDo = this.#mayJudge ? 2 : this.mayExpire ? 1 : 0;
    try {
      let work: unknown;
      do work = await this.#call('bcBeat', [this.clock() + leaseMs, this.#lastRead, mayDo, graceMs]);
      while (work && this.isUp);
      if (now - this.#renewedAt > KEEP_MS / 3) await this.#renew();
    } catch (error) {
      if (!(error instanceof CallError)) log.error({ err: error }, 'failed');
    }
  }

  async #renew(): Promise<void> {
    this.#renewedAt = performance.now();
    const { seats, peers } = this.belongings();
    for (let first = 0; first < Math.max(seats.length, peers.length); first += 500) {
      const some = [seats, peers].map((all) => JSON.stringify(all.slice(first, first + 500)));
      await this.#call('bcRenew', some);
    }
  }

  /** Whether held seats may run out: who comes back together with Redis is given the time to say so. */
  get mayExpire(): boolean {
    return this.isUp && performance.now() >= this.#settledAt;
  }

  /** Whether others may be judged dead: they could not renew their lease either while Redis was away. */
  get #mayJudge(): boolean {
    return this.isUp && performance.now() - this.#upSince > this.options.leaseMs;
  }
}

export const unavailable = () => new CallError('UNAVAILABLE', { retryAfterMs: RETRY_MAX_MS });

/** Whether one id of a stream comes after another. */
function isLater(id: string, other: string): boolean {
  const [ms = 0, sequence = 0] = id.split('-').map(Number);
  const [otherMs = 0, otherSequence = 0] = other.split('-').map(Number);
  return ms > otherMs || (ms === otherMs && sequence > otherSequence);
}

/** An id of a stream after which `id` is the first. */
function before(id: string): string {
  const [ms = 0, sequence = 0] = id.split('-').map(Number);
  return sequence > 0 ? `${ms}-${sequence - 1}` : `${ms - 1}-${Number.MAX_SAFE_INTEGER}`;
}

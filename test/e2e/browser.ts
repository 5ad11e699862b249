// A real browser, the pages in it, and what can be known of them: what each was told, and whom it hears.

import { existsSync } from 'node:fs';
import { chromium, type Browser, type LaunchOptions, type Page, type Request } from 'playwright-core';
import { expect, onTestFinished, vi } from 'vitest';
import type { CallServerOptions } from '../../src/index';
import type { RoomInfo, ServerEvent, ServerToClientEvents } from '../../src/protocol';
import { DEADLINE_MS, get, startServer, type Running } from '../helpers';
import { needPrograms } from '../need';
import type { Entry, Setting } from './page/frontend';
import type { Gathering, Reading } from './page/watch';
import { pathOf } from './programs';
import { bundle, Site } from './site';

await needPrograms('chromium');

/** Where every name leads, and every address that is not ours: nobody is there. */
export const ELSEWHERE = '127.0.0.9';

/** What Chromium does beside showing a page, and no test needs. */
const UNNEEDED = [
  // Two hidden pages for the address bar of every window, which cost more than the pages of the tests do.
  'WebUIOmniboxPopup',
  'WebUIOmniboxAimPopup',
  // Chromium takes the last list alone: these are those of Playwright's that Chromium on Linux knows.
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsUpgrades',
  'HttpsFirstBalancedModeAutoEnable',
  'LensOverlay',
  'MediaRouter',
  'PaintHolding',
  'ThirdPartyStoragePartitioning',
  'AvoidCorsURLLoaderRestartOnRedirect',
  'OptimizationHints',
  'NetworkTimeServiceQuerying',
  'AimEnabled',
  'PreconnectToSearch',
];

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  `--disable-features=${UNNEEDED.join()}`,
  // A microphone that beeps once a second, and no question about it.
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
  // Pages hear each other on a machine without any network, too.
  '--allow-loopback-in-peer-connection',
  // Nothing leaves this machine, and what a page would send elsewhere can be told from what it sends to us. The errands
  // of the browser itself lead to a port to which browsers do not connect.
  `--host-resolver-rules=MAP * ${ELSEWHERE}, EXCLUDE 127.0.0.1`,
  '--gaia-url=http://127.0.0.1:9/',
  '--apps-gallery-update-url=http://127.0.0.1:9/',
  '--component-updater=url-source=http://127.0.0.1:9/',
  '--optimization-guide-service-get-models-url=https://127.0.0.1:9/',
  '--optimization-guide-service-get-hints-url=https://127.0.0.1:9/',
];

/** Without these a page does not work. */
const ESSENTIAL = new Set(['document', 'script', 'stylesheet']);

/** Beeps bring some 0.2 a second, the comfort noise of a muted microphone 0.000000001. */
const AUDIBLE = 0.001;

/** The call that everybody enters. */
export const MEETING = 'browsers';

/** A browser, and the site that its pages come from. Closed with the test that opened it, if not before. */
export class Stage {
  readonly #browser: Browser;
  readonly #site: Site;
  readonly #watch: string;

  private constructor(browser: Browser, site: Site, watch: string) {
    this.#browser = browser;
    this.#site = site;
    this.#watch = watch;
  }

  /** @param flags - for Chromium, beside ours and against them; `!--name` takes one of ours away. */
  static open(...flags: string[]): Promise<Stage> {
    return Stage.openBy({ executablePath: pathOf('chromium') }, ...flags);
  }

  /** The same in another place than here, or with other surroundings. */
  static async openBy(options: LaunchOptions, ...flags: string[]): Promise<Stage> {
    const args = [...FLAGS, ...flags].filter((flag) => !flag.startsWith('!') && !flags.includes(`!${flag}`));
    const launched = chromium.launch({ timeout: 2 * DEADLINE_MS, ...options, args });
    const stage = new Stage(...(await Promise.all([launched, Site.open(), bundle('watch.ts')])));
    onTestFinished(() => stage.close());
    return stage;
  }

  /** The origin of all pages. */
  get origin(): string {
    return this.#site.origin;
  }

  /** A call server that lets the pages in. */
  serve(options: CallServerOptions = {}): Promise<Running> {
    return startServer({ corsOrigins: [this.origin], ...options });
  }

  /** A page of somebody who is in the call when this settles. */
  async enter(server: string, userId: string, setting: Partial<Setting> = {}): Promise<Caller> {
    const caller = await this.visit(this.#site.pageFor({ server, userId, meetingId: MEETING, ...setting }), userId);
    await caller.told('call:peers-list');
    return caller;
  }

  /** Any page, with our watch on its connections. */
  async visit(address: string, userId: string): Promise<Caller> {
    const caller = await this.openPage(userId);
    await load(caller.page, () => caller.page.goto(address));
    return caller;
  }

  /** A page that is nowhere yet. */
  async openPage(userId: string): Promise<Caller> {
    const context = await this.#browser.newContext();
    onTestFinished(() => context.close());
    context.setDefaultTimeout(DEADLINE_MS);
    await context.addInitScript({ content: this.#watch });
    return new Caller(await context.newPage(), userId);
  }

  /** Pages of several, who come one after another: each calls those who are there. */
  async enterAll<const T extends readonly string[]>(
    server: string,
    ...userIds: T
  ): Promise<{ [I in keyof T]: Caller }> {
    const callers: Caller[] = [];
    for (const userId of userIds) callers.push(await this.enter(server, userId));
    return callers as { [I in keyof T]: Caller };
  }

  /** The whole browser stops, as when a laptop's lid is closed; gives back how to open it. */
  async fallAsleep(): Promise<() => void> {
    const session = await this.#browser.newBrowserCDPSession();
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    const signal = (name: NodeJS.Signals) => {
      for (const { id } of processInfo) if (existsSync(`/proc/${id}`)) process.kill(id, name);
    };
    const wake = () => signal('SIGCONT');
    onTestFinished(wake);
    signal('SIGSTOP');
    return wake;
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.#site.close();
  }
}

/**
 * Repeats a navigation until the page and its scripts are loaded; rejects with the last failure at the deadline. A browser
 * aborts requests when it notices a network change, and a busy browser may interrupt a navigation with an error page.
 */
export async function load(page: Page, navigate: () => Promise<unknown>): Promise<void> {
  const attempt = async () => {
    const failures: string[] = [];
    const note = (request: Request) => {
      if (ESSENTIAL.has(request.resourceType()))
        failures.push(`${request.url()} ${request.failure()?.errorText ?? ''}`);
    };
    page.on('requestfailed', note);
    await navigate().finally(() => page.off('requestfailed', note));
    if (failures.length > 0) throw new Error(`not loaded: ${failures.join()}`);
  };
  await vi.waitFor(attempt, { interval: 200, timeout: DEADLINE_MS });
}

type Told<E extends ServerEvent> = Parameters<ServerToClientEvents[E]>[0];

/** Somebody in a call: one page of the first version. */
export class Caller {
  readonly page: Page;
  readonly userId: string;
  /** Every URL that the page asked for, WebSockets among them. */
  readonly requested: string[] = [];
  readonly #mishaps: string[] = [];

  constructor(page: Page, userId: string) {
    this.page = page;
    this.userId = userId;
    page.on('request', (request) => this.requested.push(request.url()));
    page.on('websocket', (ws) => this.requested.push(ws.url()));
    page.on('pageerror', (error) => this.#mishaps.push(error.message));
  }

  mute(): Promise<void> {
    return this.page.evaluate(() => window.frontend.mute());
  }

  unmute(): Promise<void> {
    return this.page.evaluate(() => window.frontend.unmute());
  }

  // ---- What it was told ------------------------------------------------------------------------------------------

  /** Everything that the page was told and sent since it was loaded. */
  log(): Promise<Entry[]> {
    return this.page.evaluate(() => window.frontend.log);
  }

  /** How often the page got (`in`) or sent (`out`) an event since it was loaded. */
  async count(direction: Entry['direction'], event: string): Promise<number> {
    return (await this.log()).filter((entry) => entry.direction === direction && entry.event === event).length;
  }

  /** The first such event whose payload has these fields; waits for it. */
  told<E extends ServerEvent>(event: E, fields: Partial<Told<E>> = {}): Promise<Entry & { payload: Told<E> }> {
    return this.happened<Told<E>>(event, fields);
  }

  /** The same for anything in the page's log, `connect` and `disconnect` too, and for the `nth` such entry. */
  happened<T>(event: string, fields: Partial<T> = {}, nth = 1): Promise<Entry & { payload: T }> {
    const fits = (entry: Entry) =>
      entry.direction === 'in' && entry.event === event && hasFields(entry.payload, Object.entries(fields));
    return this.#fact(
      `was told ${event} ${JSON.stringify(fields)}`,
      async () => (await this.log()).filter(fits)[nth - 1] as (Entry & { payload: T }) | undefined,
    );
  }

  // ---- What it hears ---------------------------------------------------------------------------------------------

  /**
   * Settles when the page hears `others` people: it has exactly that many live connections, and packets and audio energy
   * of every one of them have grown since this was asked.
   */
  async hears(others: number): Promise<void> {
    const first = await this.#connected(others);
    await this.#fact(`hears ${others}`, async () => {
      const growth = growthSince(first, await this.readings());
      return growth.every(({ packets, energy }) => packets > 0 && energy > AUDIBLE);
    });
  }

  /** Settles when a hundred packets (two seconds, two beeps) of each of `others` people have come, with no sound in them. */
  async hearsSilence(others: number): Promise<void> {
    const first = await this.#connected(others);
    const growth = await this.#fact(`gets packets of ${others}`, async () => {
      const growth = growthSince(first, await this.readings());
      return growth.every(({ packets }) => packets >= 100) && growth;
    });
    expect(
      growth.filter(({ energy }) => energy > AUDIBLE),
      `${this.userId} hears silence`,
    ).toEqual([]);
  }

  /** One reading for each live connection. */
  readings(): Promise<Reading[]> {
    return this.page.evaluate(() => window.watch.readings());
  }

  /** How many peer connections the page has made since it was loaded, closed ones among them. */
  connectionCount(): Promise<number> {
    return this.page.evaluate(() => window.watch.count());
  }

  /** Gathers candidates with a connection of its own, outside of any call. */
  gather(configuration: RTCConfiguration): Promise<Gathering> {
    return this.page.evaluate((configuration) => window.watch.gather(configuration), configuration);
  }

  /** Readings of exactly `others` live connections, once all of them stand. */
  #connected(others: number): Promise<Reading[]> {
    return this.#fact(`has ${others} connections`, async () => {
      const readings = await this.readings();
      return readings.length === others && readings.every(({ state }) => state === 'connected') && readings;
    });
  }

  /** Looks until there is something to see, and gives it; or fails with what is known instead. */
  async #fact<T>(what: string, look: () => Promise<T | false | undefined>): Promise<T> {
    try {
      return await vi.waitUntil(look, { interval: 100, timeout: DEADLINE_MS });
    } catch (error) {
      const log = await this.log().catch(() => 'none');
      const known = { mishaps: this.#mishaps, readings: await this.readings(), log };
      const account = JSON.stringify(known).slice(0, 4000);
      throw new Error(`it did not come about that ${this.userId} ${what}; ${account}`, { cause: error });
    }
  }
}

function hasFields(payload: unknown, fields: [name: string, value: unknown][]): boolean {
  return fields.every(([name, value]) => (payload as Record<string, unknown> | null)?.[name] === value);
}

/** What came over each connection since the first readings; nothing over those that are gone. */
function growthSince(first: Reading[], now: Reading[]): { packets: number; energy: number }[] {
  return first.map((before) => {
    const { packets, energy } = now.find(({ id }) => id === before.id) ?? before;
    return { packets: packets - before.packets, energy: energy - before.energy };
  });
}

/** A page that joins only once. Without polling, of which each request may come to another node. */
export function enterOnce(stage: Stage, url: string, userId: string): Promise<Caller> {
  return stage.enter(url, userId, { transports: ['websocket'] });
}

/** Settles when each of these hears all the others. */
export async function allHearAll(callers: readonly Caller[]): Promise<void> {
  await Promise.all(callers.map((caller) => caller.hears(callers.length - 1)));
}

export async function unmuteAll(callers: readonly Caller[]): Promise<void> {
  await Promise.all(callers.map((caller) => caller.unmute()));
}

/** Who is in the call, as the server tells everyone. */
export async function roster(url: string): Promise<RoomInfo['users']> {
  const { body } = await get(`${url}/api/call/room/${MEETING}`);
  return (body as { data?: RoomInfo }).data?.users ?? [];
}

// Pages that use the SDK, on a stage; and what can be known of their calls.

import { expect, vi } from 'vitest';
import type { CallOptions, Participant, Snapshot } from '../../src/client';
import { DEADLINE_MS } from '../helpers';
import { allHearAll, Caller, MEETING, roster, type Stage } from './browser';

/** A page that has begun a call, and perhaps joined it. */
export async function begin(
  stage: Stage,
  url: string,
  userId: string,
  options: Partial<CallOptions> = {},
): Promise<SdkCaller> {
  const caller = new SdkCaller(await stage.visit(`${stage.origin}/sdk`, userId));
  await caller.begin({ url, meetingId: MEETING, userId, username: userId, ...options });
  return caller;
}

/** A page that is in the call. */
export async function join(...args: Parameters<typeof begin>): Promise<SdkCaller> {
  const caller = await begin(...args);
  await caller.reaches('joined');
  return caller;
}

export async function joinAll(stage: Stage, url: string, ...userIds: string[]): Promise<SdkCaller[]> {
  const callers: SdkCaller[] = [];
  for (const userId of userIds) callers.push(await join(stage, url, userId));
  return callers;
}

export class SdkCaller extends Caller {
  constructor(caller: Caller) {
    super(caller.page, caller.userId);
  }

  begin(options: CallOptions): Promise<void> {
    return this.page.evaluate((options) => window.sdk.begin(options), options);
  }

  snapshot(): Promise<Snapshot> {
    return this.page.evaluate(() => window.sdk.snapshot());
  }

  async reaches(state: Snapshot['state'], deadlineMs?: number): Promise<void> {
    await this.shows(`is ${state}`, (snapshot) => snapshot.state === state, deadlineMs);
  }

  /** Settles when what the app sees is so. */
  async shows(what: string, isSo: (snapshot: Snapshot) => boolean, deadlineMs = DEADLINE_MS): Promise<Snapshot> {
    let last: Snapshot | undefined;
    const look = async () => isSo((last = await this.snapshot())) && last;
    try {
      return await vi.waitUntil(look, { interval: 100, timeout: deadlineMs });
    } catch (error) {
      const account = JSON.stringify({ last, log: await this.log() }).slice(0, 4000);
      throw new Error(`it did not come about that ${this.userId} ${what}; ${account}`, { cause: error });
    }
  }

  /** Settles when media is connected with so many others. */
  async meets(others: number, deadlineMs?: number): Promise<void> {
    await this.shows(
      `meets ${others}`,
      ({ participants }) =>
        participants.length === others && participants.every(({ connection }) => connection === 'connected'),
      deadlineMs,
    );
  }

  /** Settles when the app sees somebody so. */
  async sees(userId: string, fields: Partial<Participant>, deadlineMs?: number): Promise<void> {
    const entries = Object.entries(fields) as [keyof Participant, unknown][];
    await this.shows(
      `sees ${userId} ${JSON.stringify(fields)}`,
      ({ participants }) => {
        const participant = participants.find((other) => other.userId === userId);
        return participant !== undefined && entries.every(([name, value]) => participant[name] === value);
      },
      deadlineMs,
    );
  }

  /** Settles when the app has nothing to complain about, and sees so many others unmuted and connected. */
  async seesAllWell(others: number): Promise<void> {
    await this.shows(
      'sees everybody well',
      ({ state, isBrokerOpen, participants }) =>
        state === 'joined' &&
        isBrokerOpen &&
        participants.length === others &&
        participants.every(
          ({ isMuted, isReconnecting, connection }) => !isMuted && !isReconnecting && connection === 'connected',
        ),
    );
  }
}

/** Of each page: how often its app was told of an event. */
export const counts = (callers: readonly SdkCaller[], event: string) =>
  Promise.all(callers.map((caller) => caller.count('in', event)));

/** Each hears all others, pages of the SDK see them well, and each server says that each is in the call, unmuted. */
export async function expectWhole(urls: string | string[], callers: readonly Caller[]): Promise<void> {
  await allHearAll(callers);
  const sdkCallers = callers.filter((caller) => caller instanceof SdkCaller);
  await Promise.all(sdkCallers.map((caller) => caller.seesAllWell(callers.length - 1)));
  for (const url of [urls].flat()) await expectSeated(url, callers);
}

/** The server says that each is in the call once, connected and unmuted. */
async function expectSeated(url: string, callers: readonly Caller[]): Promise<void> {
  const users = await roster(url);
  expect(users.map(({ userId }) => userId).sort()).toEqual(callers.map(({ userId }) => userId).sort());
  expect(users.filter(({ isMuted, reconnecting, peerOnline }) => isMuted || reconnecting || !peerOnline)).toEqual([]);
}

export async function expectOneConnectionPerPair(callers: readonly Caller[]): Promise<void> {
  const counts = await Promise.all(callers.map((caller) => caller.connectionCount()));
  expect(counts).toEqual(callers.map(() => callers.length - 1));
}

/** What a page sends over its first connection, and what it would have to negotiate. */
export const sending = ({ page }: SdkCaller) =>
  page.evaluate(async () => {
    const reports = await window.watch.reports();
    const entries = reports.flatMap((report) => [...report]);
    const sum = (type: string, field: string) =>
      entries.filter((entry) => entry.type === type).reduce((total, entry) => total + Number(entry[field] ?? 0), 0);
    return {
      at: performance.now(),
      audio: entries
        .filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'audio')
        .map(({ packetsSent }) => Number(packetsSent)),
      framesDecoded: sum('inbound-rtp', 'framesDecoded'),
      bytes: sum('transport', 'bytesSent'),
      packets: sum('transport', 'packetsSent'),
    };
  });

// How long ten people wait who enter one call in the same moment, until each is connected to each.

import { BenchBrowser, type Way } from '../browser';
import { median, ratio } from '../figures';
import type { Plan } from '../plan';
import { Subject } from '../subject';
import { fixed, printTable, spread } from '../table';

const PEOPLE = 10;
/** The last one is what the other is compared to. */
const WAYS = ['sdk', 'readme'] as const;
const NAMES = { sdk: 'SDK', readme: 'README, no SDK' };

export async function crowd({ crowdRounds, profiles }: Plan): Promise<void> {
  const subject = await Subject.start('back-call', profiles);
  const server = subject.doors.signaling;
  const browser = await BenchBrowser.start(server);
  const measured = WAYS.map((way) => ({ way, times: [] as number[] }));
  for (let round = 0; round < crowdRounds; round += 1)
    for (const { way, times } of measured) times.push(await enterAll(browser, server, way, `${way}-${round}`));
  await browser.end();
  await subject.end();

  const base = measured.at(-1)?.times ?? [];
  const rows = measured.map(({ way, times }) => {
    const compared = ratio(times, base);
    return [NAMES[way], fixed(median(times) / 1000, 1, 's'), fixed(compared.median, 2), spread(compared)];
  });
  printTable(
    `(g) ten who enter at once, until all 45 connections stand, ${crowdRounds} times each`,
    ['', 'median', `÷ ${NAMES.readme}`, 'middle half'],
    rows,
  );
}

/** Milliseconds, from when all pages stand. */
async function enterAll(browser: BenchBrowser, server: string, way: Way, meetingId: string): Promise<number> {
  const pages = await Promise.all(Array.from({ length: PEOPLE }, () => browser.open(way)));
  const beganAt = performance.now();
  await Promise.all(
    pages.map(async (page, index) => {
      const visitor = { server, meetingId, userId: `user-${index}`, speaks: false };
      await page.evaluate((visitor) => window.enter(visitor), visitor);
      await page.evaluate((others) => window.stopwatch.connected(others), PEOPLE - 1);
    }),
  );
  const tookMs = performance.now() - beganAt;
  await Promise.all(pages.map((page) => page.context().close()));
  return tookMs;
}

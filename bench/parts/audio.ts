// How long somebody who enters a call waits for the first audio of the one who is there and speaks.

import { BenchBrowser, type Way } from '../browser';
import { median, ratio } from '../figures';
import { withDeadline } from '../load/lanes';
import { STEPS, type Laps, type Visitor } from '../pages/face';
import type { Plan } from '../plan';
import { Subject } from '../subject';
import { fixed, printTable, spread, verdict } from '../table';

/** The last one is what the others are compared to. */
const WAYS: Way[] = ['sdk', 'readme', 'bare'];
const NAMES: Record<Way, string> = { sdk: 'SDK', readme: 'README, no SDK', bare: 'bare WebRTC' };
/** How many times as long as bare WebRTC the SDK may take. */
const AIM = 3;

export async function audio({ pageRounds, profiles }: Plan): Promise<void> {
  const subject = await Subject.start('back-call', profiles);
  const server = subject.doors.signaling;
  const browser = await BenchBrowser.start(server);
  const visitor = (way: Way, userId: string, speaks: boolean): Visitor => ({ server, meetingId: way, userId, speaks });

  const enter = async (way: Way): Promise<Laps> => {
    if (way !== 'bare') await oneIsIn(server, way);
    const page = await browser.open(way);
    await page.evaluate((guest) => window.enter(guest), visitor(way, 'guest', false));
    const laps = await page.evaluate(() => window.stopwatch.finished);
    await page.context().close();
    return laps;
  };

  for (const way of ['sdk', 'readme'] as const) {
    const page = await browser.open(way);
    await page.evaluate((host) => window.enter(host), visitor(way, 'host', true));
  }
  // Once unmeasured, as everywhere.
  for (const way of WAYS) await withDeadline(enter(way));

  const measured = WAYS.map((way) => ({ way, laps: [] as Laps[] }));
  for (let round = 0; round < pageRounds; round += 1)
    for (const { way, laps } of measured) laps.push(await withDeadline(enter(way)));
  await browser.end();
  await subject.end();
  report(measured);
}

/** Settles when exactly one is in the call: its host is there, and the last guest is gone. */
async function oneIsIn(server: string, meetingId: string): Promise<void> {
  for (;;) {
    const answer = await fetch(`${server}/api/call/room/${meetingId}`);
    const { data } = (await answer.json()) as { data?: { users: unknown[] } };
    if (data?.users.length === 1) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function report(measured: readonly { way: Way; laps: readonly Laps[] }[]): void {
  const timesOf = (laps: readonly Laps[]) => laps.map(({ packet = NaN }) => packet);
  const base = timesOf(measured.at(-1)?.laps ?? []);
  const rows = measured.map(({ way, laps }) => {
    const compared = ratio(timesOf(laps), base);
    return [
      NAMES[way],
      fixed(median(timesOf(laps)), 0, 'ms'),
      fixed(compared.median, 2),
      way === 'bare' ? '' : spread(compared),
      way === 'sdk' ? verdict(compared.median, AIM, 2) : '',
    ];
  });
  const headings = ['', 'median', `÷ ${NAMES.bare}`, 'middle half', 'aim'];
  printTable(`(e) to the first audio of who is there, on ${base.length} new pages each`, headings, rows);

  const steps = measured.map(({ way, laps }) => {
    const timeTo = (step: (typeof STEPS)[number]) => laps.flatMap(({ [step]: time }) => time ?? []);
    return [NAMES[way], ...STEPS.map((step) => (timeTo(step).length > 0 ? fixed(median(timeTo(step)), 0) : ''))];
  });
  printTable('    of that until, in ms', ['', ...STEPS], steps);
}

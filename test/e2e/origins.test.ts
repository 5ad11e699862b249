// Pages from files in a real Chromium, whose origin is `null`, or `file://` as WebViews send it. Rule D1.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { DEADLINE_MS, startServer } from '../helpers';
import { needBuild } from '../need';
import { Stage } from './browser';

await needBuild();

/** Writes a page that joins a call and then shows the outcome in its title. */
async function pageFor(server: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'back-call-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'page.html');
  const options = JSON.stringify({ url: server, meetingId: 'meeting', userId: 'ada', username: 'Ada' });
  await writeFile(
    file,
    `<title>…</title><script src="${server}/client/back-call.js"></script><script>
      BackCall.joinCall(${options}).then(() => (document.title = 'joined'), ({ code }) => (document.title = code));
    </script>`,
  );
  return pathToFileURL(file).href;
}

it.each([
  ['null', [], 'joined'],
  ['file://', ['--allow-file-access-from-files'], 'joined'],
  ['https://app.example', [], 'ORIGIN_NOT_ALLOWED'],
])('[D1] CORS_ORIGIN=%s, flags %j: a page from a file gets %s', async (origin, flags, outcome) => {
  const { url } = await startServer({ corsOrigins: [origin] });
  const stage = await Stage.open(...flags);
  const { page } = await stage.openPage('ada');
  await page.goto(await pageFor(url));
  await page.waitForFunction(() => document.title !== '…', undefined, { timeout: DEADLINE_MS });
  expect(await page.title()).toBe(outcome);
});

// The page that explains how to trust the certificate authority: which steps it opens for which browser.

import { expect, it } from 'vitest';
import { trustPage } from '../../src/transport/trust-page';

const opened = (agent: string) => /<details open><summary>([^<]+)</.exec(trustPage('AA:BB', agent))?.[1];

it.each([
  [
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0',
    'Linux, with Chrome or Chromium',
  ],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on a computer'],
  ['Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile', 'Android'],
  ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15', 'iPhone and iPad'],
  ['curl/8.0', undefined],
])('opens the steps of %s', (agent, device) => {
  expect(opened(agent)).toBe(device);
});

it('reads a User-Agent in linear time', () => {
  // In quadratic time, this would take minutes.
  expect(opened(`${'X11 '.repeat(300_000)}Firefox`)).toBe('Firefox on a computer');
});

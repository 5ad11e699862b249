// The length of values in log lines.

import { expect, it } from 'vitest';
import { shortened } from '../src/log-values';

const redact = (text: string) => text.replaceAll('hush', '[redacted]');

it('[D10] cuts long texts in fields, and writes their length', () => {
  const fields = {
    origin: 'x'.repeat(15_000),
    list: [{ deep: 'y'.repeat(257) }],
    short: 'z'.repeat(256),
    n: 1,
    no: null,
  };
  expect(shortened(fields, 256, redact)).toEqual({
    ...fields,
    origin: `${'x'.repeat(256)}… (15000 characters)`,
    list: [{ deep: `${'y'.repeat(256)}… (257 characters)` }],
  });
});

it('[D10] does not cut a text again that was cut before', () => {
  const once = shortened('x'.repeat(5000), 256, redact);
  expect(shortened(once, 256, redact)).toBe(once);
  expect(shortened(`${String(once)}x`, 256, redact)).toHaveLength(256 + '… (280 characters)'.length);
});

it('[D10] removes a secret before it cuts a text within the secret', () => {
  expect(shortened(`${'x'.repeat(6)}hush`, 8, redact)).toBe('xxxxxx[r… (10 characters)');
});

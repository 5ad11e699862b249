// Repeated refusals in the log: the first line at once, repeats as a number.

import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { RefusalLog } from '../src/refusal-log';

const ADA = '192.0.2.1';
const BOB = '192.0.2.2';
const MINUTE = 60_000;

interface Line {
  level: string;
  message: string;
  [field: string]: unknown;
}

function setUp() {
  const lines: Line[] = [];
  const write = (level: string) => (fields: object, message: string) => void lines.push({ level, message, ...fields });
  const log = { warn: write('warn'), error: write('error') } as unknown as ConstructorParameters<typeof RefusalLog>[0];
  const refusals = new RefusalLog(log, () => performance.now());
  const refuse = (address: string | undefined, kind = 'full', times = 1) => {
    for (let time = 0; time < times; time += 1) refusals.warn({ address, kind }, { n: time }, 'refused');
  };
  return { lines, refusals, refuse };
}

const first = (address: string | undefined) => ({
  level: 'warn',
  message: 'refused',
  n: 0,
  ...(address !== undefined && { address }),
});
const repeated = (address: string | undefined, repeats: number, kind = 'full') => ({
  level: 'warn',
  message: 'refused',
  kind,
  repeats,
  ...(address !== undefined && { address }),
});

describe('[D10] the log of refusals', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
  });

  it('has the first refusal of each address and kind at once, and no repeats', () => {
    const { lines, refuse } = setUp();
    refuse(ADA, 'full', 1000);
    refuse(BOB);
    refuse(ADA, 'other');
    expect(lines).toEqual([first(ADA), first(BOB), first(ADA)]);
  });

  it('has the number of repeats at the end of the minute of each address', () => {
    const { lines, refuse } = setUp();
    refuse(ADA, 'full', 3);
    vi.advanceTimersByTime(MINUTE / 2);
    refuse(BOB, 'full', 2);
    lines.length = 0;
    vi.advanceTimersByTime(MINUTE / 2);
    expect(lines).toEqual([repeated(ADA, 2)]);
    vi.advanceTimersByTime(MINUTE / 2);
    expect(lines).toEqual([repeated(ADA, 2), repeated(BOB, 1)]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('has no second line without repeats, and begins again after the minute', () => {
    const { lines, refuse } = setUp();
    refuse(ADA);
    vi.advanceTimersByTime(MINUTE);
    expect(lines).toEqual([first(ADA)]);
    refuse(ADA);
    expect(lines).toEqual([first(ADA), first(ADA)]);
  });

  it('has the number of repeats when the server closes, and keeps no timer', () => {
    const { lines, refusals, refuse } = setUp();
    refuse(ADA, 'full', 5);
    refuse(BOB);
    refusals.close();
    expect(lines).toEqual([first(ADA), first(BOB), repeated(ADA, 4)]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('counts the addresses of an IPv6 /64 as one, and those of an IPv4 address', () => {
    const { lines, refuse } = setUp();
    refuse('2001:db8::1');
    refuse('2001:db8::2');
    refuse(ADA);
    refuse(`::ffff:${ADA}`);
    vi.advanceTimersByTime(MINUTE);
    expect(lines).toEqual([first('2001:db8::1'), first(ADA), repeated('2001:db8::1', 1), repeated(ADA, 1)]);
  });

  it('counts refusals without an address apart from the others', () => {
    const { lines, refusals, refuse } = setUp();
    refuse(undefined, 'full', 2);
    refuse(ADA);
    refusals.close();
    expect(lines).toEqual([first(undefined), first(ADA), repeated(undefined, 1)]);
  });

  it('keeps the level and the message of errors', () => {
    const { lines, refusals } = setUp();
    for (let n = 0; n < 3; n += 1) refusals.error({ address: ADA, kind: 'broken' }, { n }, 'failed');
    refusals.close();
    expect(lines).toEqual([
      { level: 'error', message: 'failed', address: ADA, n: 0 },
      { level: 'error', message: 'failed', address: ADA, kind: 'broken', repeats: 2 },
    ]);
  });

  it('has a bounded number of lines per minute for any number of addresses', () => {
    const { lines, refuse } = setUp();
    const addresses = Array.from({ length: 20_000 }, (_, n) => `198.${n >> 16}.${(n >> 8) & 255}.${n & 255}`);
    for (const kind of ['full', 'other']) for (const address of addresses) refuse(address, kind);
    expect(lines.length).toBeLessThanOrEqual(1002);
    vi.advanceTimersByTime(MINUTE);
    const counted = lines.filter((line) => 'repeats' in line);
    expect(counted).toEqual([repeated(undefined, 18_999), repeated(undefined, 19_999, 'other')]);
    // After the flood, each address has its own entry again.
    refuse(ADA);
    expect(lines.at(-1)).toEqual(first(ADA));
  });
});

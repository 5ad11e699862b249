import { describe, expect, it } from 'vitest';
import { fitsJson } from '../src/json';

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 ? [value] : { value };
  return value;
}

describe('fitsJson', () => {
  it('counts levels', () => {
    expect(fitsJson(nested(32), 32, Infinity)).toBe(true);
    expect(fitsJson(nested(33), 32, Infinity)).toBe(false);
    expect(fitsJson('scalar', 0, Infinity)).toBe(true);
    expect(fitsJson({}, 0, Infinity)).toBe(false);
  });

  it('survives what would overflow the stack', () => {
    expect(fitsJson(nested(1_000_000), 32, Infinity)).toBe(false);
  });

  it('counts keys and strings in UTF-8', () => {
    expect(fitsJson('x'.repeat(100), 1, 100)).toBe(true);
    expect(fitsJson('x'.repeat(101), 1, 100)).toBe(false);
    expect(fitsJson('é'.repeat(51), 1, 100)).toBe(false);
    expect(fitsJson({ ['x'.repeat(101)]: 1 }, 1, 100)).toBe(false);
    expect(fitsJson(new Array(1_000_000).fill(0), 1, 100)).toBe(false);
  });

  it('takes no binary data for JSON', () => {
    expect(fitsJson({ blob: Buffer.from('x') }, 32, Infinity)).toBe(false);
    expect(fitsJson(new ArrayBuffer(1), 32, Infinity)).toBe(false);
  });
});

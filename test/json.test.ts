import { describe, expect, it } from 'vitest';
import { isShallow, jsonSize } from '../src/json';

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 ? [value] : { value };
  return value;
}

describe('isShallow', () => {
  it('counts levels', () => {
    expect(isShallow(nested(32), 32)).toBe(true);
    expect(isShallow(nested(33), 32)).toBe(false);
    expect(isShallow('scalar', 0)).toBe(true);
    expect(isShallow({}, 0)).toBe(false);
    expect(isShallow({ fine: 1, deep: [[[]]] }, 2)).toBe(false);
  });

  it('survives what would overflow the stack', () => {
    expect(isShallow(nested(1_000_000), 32)).toBe(false);
  });

  it('takes no binary data for JSON', () => {
    expect(isShallow({ blob: Buffer.from('x') }, 32)).toBe(false);
    expect(isShallow(new ArrayBuffer(1), 32)).toBe(false);
  });
});

describe('jsonSize', () => {
  it('counts texts in UTF-8', () => {
    expect(jsonSize('x'.repeat(100), 0)).toBe(100);
    expect(jsonSize('é'.repeat(50), 0)).toBe(100);
    expect(jsonSize({ ['é'.repeat(50)]: 'x'.repeat(100) }, 1)).toBeGreaterThan(200);
  });

  it('counts what is small as text and large in memory by memory', () => {
    expect(jsonSize(new Array(1000).fill({}), 2)).toBeGreaterThan(50_000);
    expect(jsonSize(new Array(1000).fill('ab'), 2)).toBeGreaterThan(20_000);
    expect(jsonSize({ type: 'offer', sdp: 'x'.repeat(3000) }, 2)).toBeLessThan(3500);
  });

  it('is infinite for what is too deep, and for what is no JSON', () => {
    expect(jsonSize(nested(32), 32)).toBeLessThan(10_000);
    expect(jsonSize(nested(33), 32)).toBe(Infinity);
    expect(jsonSize(nested(1_000_000), 32)).toBe(Infinity);
    expect(jsonSize({ blob: Buffer.from('x') }, 32)).toBe(Infinity);
  });
});

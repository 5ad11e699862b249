// Rate limits by key: windows that end, and memory that is bounded whatever keys come.

import { describe, expect, it } from 'vitest';
import { WindowLimiter } from '../../src/backplane/window-limiter';

function setUp(points: number) {
  let now = 1_000_000;
  const limiter = new WindowLimiter(points, 10_000, () => now);
  return {
    limiter,
    pass: (ms: number) => void (now += ms),
    flood: (count: number, times = 1) => {
      for (let key = 0; key < count; key += 1)
        for (let time = 0; time < times; time += 1) limiter.take(`198.18.${key >> 8}.${key & 255}/${key}`);
    },
  };
}

describe('[D20] a limiter', () => {
  it('allows so many requests per window, and returns how long to wait for the next one', () => {
    const { limiter, pass } = setUp(2);
    expect([limiter.take('ada'), limiter.take('ada')]).toEqual([0, 0]);
    pass(4000);
    expect(limiter.take('ada')).toBe(6000);
    expect(limiter.take('bob')).toBe(0);
    pass(6000);
    expect(limiter.take('ada')).toBe(0);
  });

  it('counts at most 10,000 keys exactly, and forgets them when their windows end', () => {
    const { limiter, pass, flood } = setUp(5);
    flood(100_000);
    expect(limiter.size).toBe(10_000);
    pass(10_000);
    limiter.take('ada');
    expect(limiter.size).toBe(1);
  });

  it('resets nobody when it is full', () => {
    const { limiter, pass, flood } = setUp(3);
    for (let request = 0; request < 3; request += 1) limiter.take('attacker');
    limiter.take('innocent');
    flood(50_000);
    expect(limiter.take('attacker')).toBe(10_000);
    expect([limiter.take('innocent'), limiter.take('innocent'), limiter.take('innocent')]).toEqual([0, 0, 10_000]);
    pass(9999);
    expect(limiter.take('attacker')).toBe(1);
  });

  it('limits keys that come when it is full, too', () => {
    const { limiter, flood } = setUp(3);
    flood(10_000);
    const answers = Array.from({ length: 5 }, () => limiter.take('late attacker'));
    expect(answers).toEqual([0, 0, 0, 10_000, 10_000]);
  });

  it('goes on with the count of a key for which there is room later', () => {
    const { limiter, pass, flood } = setUp(3);
    flood(10_000);
    pass(5000);
    for (let request = 0; request < 3; request += 1) limiter.take('late attacker');
    pass(5000);
    expect(limiter.take('late attacker')).toBe(5000);
    pass(5000);
    expect(limiter.take('late attacker')).toBe(0);
  });

  it('lets newcomers in while others flood it', () => {
    const { limiter, flood } = setUp(20);
    flood(12_000, 100);
    const newcomers = Array.from({ length: 1000 }, (_, index) => limiter.take(`newcomer ${index}`));
    expect(newcomers.filter((wait) => wait > 0).length).toBeLessThan(100);
  });
});

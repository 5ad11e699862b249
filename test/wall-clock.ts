// A wall clock that a test can set forward or back, for everything in this process that reads `Date`.

import { onTestFinished, vi } from 'vitest';

export interface WallClock {
  /** Sets the clock forward by so many milliseconds, or back. */
  jump(ms: number): void;
  /** How often the clock was read. */
  readonly readings: number;
}

/** Takes the place of `Date` until the test ends. To be called before a server starts, which may keep `Date.now`. */
export function settableWallClock(): WallClock {
  const RealDate = Date;
  let offset = 0;
  let readings = 0;
  const now = () => {
    readings += 1;
    return RealDate.now() + offset;
  };
  const SettableDate = new Proxy(RealDate, {
    construct: (target, args: unknown[], newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
    get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
  });
  vi.stubGlobal('Date', SettableDate);
  onTestFinished(() => void vi.unstubAllGlobals());
  return {
    jump: (ms) => void (offset += ms),
    get readings() {
      return readings;
    },
  };
}

// How loud a microphone is, as a bar.

import type { CSSProperties } from 'react';

export function LevelMeter({ level }: { /** From 0 to 1. */ level: number }) {
  return (
    <div
      className="level"
      role="meter"
      aria-label="Microphone level"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(level * 100)}
      style={{ '--level': level } as CSSProperties}
    />
  );
}

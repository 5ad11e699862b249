// How well somebody is heard: three bars, the numbers behind them, and the way to more of them.

import { useId } from 'react';
import type { Quality } from '../react';
import { isolate } from './isolate';
import { milliseconds, percent } from './numbers';

const WORDS = { good: 'Good connection', fair: 'Fair connection', poor: 'Poor connection' };

interface Props {
  name: string;
  quality: Quality;
  onInspect: () => void;
}

export function QualityBadge({ name, quality, onInspect }: Props) {
  const details = useId();
  const { grade, roundTripMs, jitterMs, loss } = quality;
  return (
    <button
      type="button"
      className="quality"
      data-grade={grade}
      aria-label={`${WORDS[grade]} with ${isolate(name)}`}
      aria-describedby={details}
      onClick={onInspect}
    >
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d="M3 10v3" />
        <path d="M8 7v6" />
        <path d="M13 4v9" />
      </svg>
      <span id={details} className="tip" role="tooltip">
        <strong>{WORDS[grade]}</strong>
        <span>Round trip {milliseconds(roundTripMs)}</span>
        <span>Jitter {milliseconds(jitterMs)}</span>
        <span>Loss {percent(loss)}</span>
      </span>
    </button>
  );
}

// Follows what comes and goes, once it has held for a while: so that nothing flickers, and patience has an end.

import { useEffect, useState } from 'react';

/** @param riseMs, fallMs - how long it has to hold before it counts, and how long it has to be over. In milliseconds. */
export function useSteady(isSo: boolean, riseMs: number, fallMs = 0): boolean {
  const [isSteady, setSteady] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSteady(isSo), isSo ? riseMs : fallMs);
    return () => clearTimeout(timer);
  }, [isSo, riseMs, fallMs]);
  return isSteady;
}

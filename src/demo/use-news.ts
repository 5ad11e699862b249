// What happened in a call just now, as sentences that pass.

import { useEffect, useState } from 'react';
import type { Call } from '../react';

export interface News {
  id: number;
  /** The participant that the text is about. */
  name?: string;
  text: string;
}

/** Long enough to be read twice, in milliseconds. */
const SHOWN_MS = 6000;

export function useNews(call: Call | null): readonly News[] {
  const [news, setNews] = useState<readonly News[]>([]);

  useEffect(() => {
    if (!call) return;
    let last = 0;
    const timers = new Set<ReturnType<typeof setTimeout>>();
    const tell = (text: string, name?: string) => {
      const id = ++last;
      setNews((told) => [...told, { id, name, text }]);
      timers.add(setTimeout(() => setNews((told) => told.filter((item) => item.id !== id)), SHOWN_MS));
    };

    const ends = [
      call.on('participant-joined', ({ username }) => tell('joined.', username)),
      call.on('participant-left', ({ username }, reason) =>
        tell(reason === 'lost' ? 'lost the connection, and is gone.' : 'left.', username),
      ),
      call.on('participant-changed', ({ username, isReconnecting }, previous) => {
        if (isReconnecting === previous.isReconnecting) return;
        tell(isReconnecting ? 'lost the connection to the server.' : 'is back.', username);
      }),
      call.on('state', (state, previous) => {
        if (state === 'joined' && previous === 'reconnecting') tell('You are connected again.');
      }),
      call.on('device-lost', (kind) => tell(`Your ${kind} is gone. Is it still plugged in?`)),
    ];
    return () => {
      for (const end of ends) end();
      for (const timer of timers) clearTimeout(timer);
      setNews([]);
    };
  }, [call]);

  return news;
}

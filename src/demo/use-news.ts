// What happened in a call just now, as sentences that pass.

import { useEffect, useState } from 'react';
import type { Call } from '../react';

export interface News {
  id: number;
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
    const tell = (text: string) => {
      const id = ++last;
      setNews((told) => [...told, { id, text }]);
      timers.add(setTimeout(() => setNews((told) => told.filter((item) => item.id !== id)), SHOWN_MS));
    };

    const ends = [
      call.on('participant-joined', ({ username }) => tell(`${username} joined.`)),
      call.on('participant-left', ({ username }, reason) =>
        tell(reason === 'lost' ? `${username} lost the connection, and is gone.` : `${username} left.`),
      ),
      call.on('participant-changed', ({ username, isReconnecting }, previous) => {
        if (isReconnecting === previous.isReconnecting) return;
        tell(isReconnecting ? `${username} lost the connection to the server.` : `${username} is back.`);
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

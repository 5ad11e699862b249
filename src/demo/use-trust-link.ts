// Where a server with a certificate of its own making tells how to trust it.

import { useEffect, useState } from 'react';
import { withoutPrefix } from './server';

/** Undefined until the server has said so, and where there is nothing to do. */
export function useTrustLink(server: string): string | undefined {
  const [link, setLink] = useState<string>();
  useEffect(() => {
    const end = new AbortController();
    const ask = async () => {
      const answer = await fetch(`${server}/api/call/config`, { signal: end.signal });
      const { data } = (await answer.json()) as { data: { trustPath: string | null } };
      if (data.trustPath !== null) setLink(server + withoutPrefix(data.trustPath));
    };
    // Then there is no link; the call does not need it.
    ask().catch(() => undefined);
    return () => end.abort();
  }, [server]);
  return link;
}

// Why the call is as it is, for who wants to know or has to help.

import { useEffect, useState } from 'react';
import type { Snapshot } from '../react';
import { CopyButton } from './CopyButton';
import { asText, diagnose } from './diagnosis';
import { Dialog } from './Dialog';

interface Props {
  snapshot: Snapshot;
  server: string;
  onClose: () => void;
}

export function Diagnostics({ snapshot, server, onClose }: Props) {
  const sections = diagnose(snapshot, useServerName(server));
  return (
    <Dialog title="Diagnostics" onClose={onClose}>
      <div className="diagnosis" tabIndex={0} role="region" aria-label="Findings">
        {sections.map(({ title, facts }, index) => (
          <section key={index}>
            <h3>
              <bdi>{title}</bdi>
            </h3>
            <dl>
              {facts.map(({ name, value, isWrong }) => (
                <div key={name} data-wrong={isWrong || undefined}>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <CopyButton text={asText(sections)}>Copy as text</CopyButton>
    </Dialog>
  );
}

/** What the server calls itself, and its version; undefined until it has answered. */
function useServerName(server: string): string | undefined {
  const [name, setName] = useState<string>();
  useEffect(() => {
    const end = new AbortController();
    const ask = async () => {
      const answer = await fetch(server, { headers: { Accept: 'application/json' }, signal: end.signal });
      const { name, version } = (await answer.json()) as { name: string; version: string };
      setName(`${name} ${version}`);
    };
    ask().catch(() => {
      if (!end.signal.aborted) setName('no answer');
    });
    return () => end.abort();
  }, [server]);
  return name;
}

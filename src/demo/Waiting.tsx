// Between the lobby and the call: the server is being reached.

import type { CallState } from '../react';
import { Mark } from './icons';
import { isolate } from './isolate';
import { useFocus } from './use-focus';
import { useSteady } from './use-steady';
import { useTitle } from './use-title';

/** After this time, in milliseconds, it is worth saying why it may take so long. */
const PATIENCE_MS = 5000;

interface Props {
  meetingId: string;
  state: CallState;
  onCancel: () => void;
}

export function Waiting({ meetingId, state, onCancel }: Props) {
  const heading = useFocus<HTMLHeadingElement>();
  const isLong = useSteady(true, PATIENCE_MS);
  useTitle(`Joining ${isolate(meetingId)}`);

  return (
    <main className="notice-page">
      <Mark />
      <h1 ref={heading} tabIndex={-1}>
        Joining <bdi>{meetingId}</bdi>
      </h1>
      <p role="status">
        <span className="spinner" />
        {state === 'joining' ? 'The server is there. Taking a seat…' : 'Connecting to the server…'}
        {isLong && ' It may be waking up, which can take a minute. It goes on by itself.'}
      </p>
      <button type="button" className="button" onClick={onCancel}>
        Cancel
      </button>
    </main>
  );
}

// After the call: why it is over, and what can be done now.

import type { CallError, CallErrorCode } from '../react';
import { Mark } from './icons';
import { useFocus } from './use-focus';
import { useTitle } from './use-title';

/** What to say where the server's sentence alone does not tell what to do next. */
const WORDS: Partial<Record<CallErrorCode, { title: string; advice?: string }>> = {
  REPLACED: {
    title: 'You are in this call somewhere else',
    advice: 'Go on there, or join here again to take it back.',
  },
  ROOM_FULL: { title: 'The call is full', advice: 'Try again when somebody has left, or choose another meeting.' },
  TIMEOUT: { title: 'The call server does not answer' },
  ORIGIN_NOT_ALLOWED: {
    title: 'This page may not use the server',
    advice: 'Whoever runs it has to allow this address.',
  },
  INVALID_PAYLOAD: { title: 'This cannot be joined', advice: 'Go back, and take another name or meeting.' },
  UNSUPPORTED_BROWSER: { title: 'This browser cannot make calls' },
};

interface Props {
  meetingId: string;
  /** Why it is over; null when it was left by choice. */
  error: CallError | null;
  onRejoin: () => void;
  onExit: () => void;
}

export function Farewell({ meetingId, error, onRejoin, onExit }: Props) {
  const heading = useFocus<HTMLHeadingElement>();
  const words = error && WORDS[error.code];
  const title = error ? (words?.title ?? 'The call is over') : 'You left the call';
  useTitle(title);

  return (
    <main className="notice-page">
      <Mark />
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      <p role={error ? 'alert' : undefined}>
        {error ? (
          [error.message, words?.advice].filter(Boolean).join(' ')
        ) : (
          <>
            You can come back to <bdi>{meetingId}</bdi> at any time.
          </>
        )}
      </p>
      <div className="choices">
        <button type="button" className="button primary" onClick={onRejoin}>
          Join again
        </button>
        <button type="button" className="button" onClick={onExit}>
          Back to the start
        </button>
      </div>
    </main>
  );
}

// One line over the controls, for who speaks and is not heard.

import { useState } from 'react';
import type { Self } from '../react';
import { useSteady } from './use-steady';

/** What is shorter is a cough; and who pauses is still speaking. In milliseconds. */
const WORD_MS = 400;
const PAUSE_MS = 3000;

export function Hint({ self: { isMuted, isSpeaking } }: { self: Self }) {
  const [hasSpoken, setSpoken] = useState(false);
  if (!isMuted && !hasSpoken) setSpoken(true);

  const isUnheard = useSteady(isMuted && isSpeaking, WORD_MS, PAUSE_MS) && isMuted;
  if (!window.isSecureContext) return <p className="hint">You can listen here, not speak.</p>;
  return (
    <p className="hint" role="status" data-urgent={isUnheard || undefined}>
      {isUnheard ? (
        <>Nobody hears you: you are muted. {HOW}</>
      ) : isMuted && !hasSpoken ? (
        <>You are muted. {HOW}</>
      ) : null}
    </p>
  );
}

const HOW = (
  <>
    <span className="with-keys">
      Press <kbd>M</kbd> to speak.
    </span>
    <span className="with-touch">Tap the microphone to speak.</span>
  </>
);

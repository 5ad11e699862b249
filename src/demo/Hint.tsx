// One line over the controls, for who speaks and is not heard.

import { useState } from 'react';
import type { Self } from '../react';
import { useSteady } from './use-steady';

/** What is shorter is a cough; and who pauses is still speaking. In milliseconds. */
const WORD_MS = 400;
const PAUSE_MS = 3000;

export function Hint({ self: { isMuted, isSpeaking }, hasMuteKey }: { self: Self; hasMuteKey: boolean }) {
  const isUnheard = useSteady(isMuted && isSpeaking, WORD_MS, PAUSE_MS) && isMuted;
  const [hasSpoken, setSpoken] = useState(false);
  if (!isMuted && !hasSpoken) setSpoken(true);

  if (!window.isSecureContext) return <p className="hint">You can listen here, not speak.</p>;
  if (!isMuted || (hasSpoken && !isUnheard)) return <p className="hint" role="status" />;
  return (
    <p className="hint" role="status" data-urgent={isUnheard || undefined}>
      {isUnheard ? 'You are muted: nobody hears you. ' : 'You are muted. '}
      {hasMuteKey && (
        <span className="with-keys">
          Press <kbd>M</kbd> to speak.
        </span>
      )}
      <span className={hasMuteKey ? 'with-touch' : undefined}>Tap the microphone.</span>
    </p>
  );
}

// A page of an app that uses the hook, under StrictMode: one room, which comes, changes and goes as a test says.

import { readLedger, type Ledger } from './ledger';
import { StrictMode, useEffect } from 'react';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';
import { useVoiceCall, type VoiceCall, type VoiceCallOptions } from '../../../src/react';

export interface RoomProps extends VoiceCallOptions {
  meetingId: string;
  userId: string;
}

function Room({ meetingId, userId, ...options }: RoomProps) {
  const voiceCall = useVoiceCall(meetingId, userId, `The user ${userId}`, options);
  useEffect(() => {
    page.rendered.push(voiceCall);
  });
  const { state, participants, connectionError, isMuted, isVideoOn } = voiceCall;
  return (
    <>
      <h1>{state}</h1>
      <button onClick={() => void voiceCall.joinVoiceCall()}>Join</button>
      <button onClick={() => void voiceCall.leaveVoiceCall()}>Leave</button>
      <button onClick={() => void voiceCall.toggleMute()}>{isMuted ? 'Unmute' : 'Mute'}</button>
      <button onClick={() => void voiceCall.toggleVideo()}>{isVideoOn ? 'Camera off' : 'Camera on'}</button>
      <p role="alert">{connectionError}</p>
      <ul>
        {participants.map((other) => (
          <li key={other.userId}>
            {other.username}, {other.isMuted ? 'muted' : 'speaking'}, {other.isVideoOn ? 'seen' : 'unseen'}
          </li>
        ))}
      </ul>
    </>
  );
}

const root = createRoot(document.body.appendChild(document.createElement('main')));

const page = {
  /** What each rendering was given, in order. */
  rendered: [] as VoiceCall[],
  /** Shows the room, again with other properties, or no longer. It is so, effects and all, when this returns. */
  show: (props: RoomProps | null): void =>
    flushSync(() => root.render(<StrictMode>{props && <Room {...props} />}</StrictMode>)),
  /** What the last rendering was given. */
  get voiceCall(): VoiceCall {
    const last = page.rendered.at(-1);
    if (!last) throw new Error('nothing was rendered yet');
    return last;
  },
  get ledger(): Ledger {
    return readLedger();
  },
};

declare global {
  interface Window {
    app: typeof page;
  }
}
window.app = page;

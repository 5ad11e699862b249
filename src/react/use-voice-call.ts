// The hook: a component's call, which it leaves when it goes.

import { useEffect, useState, useSyncExternalStore } from 'react';
import { CallStore } from './call-store';
import type { VoiceCall, VoiceCallOptions } from './voice-call';

/**
 * A voice call for as long as the component is there. Another meeting or user leaves the call, and joins the other one if
 * we were in it. Another name renames the participant. Options may be written inline: they are read on joining, and changing them changes no call.
 */
export function useVoiceCall(
  meetingId: string,
  userId: string,
  username?: string,
  options: VoiceCallOptions = {},
): VoiceCall {
  const [store] = useState(() => new CallStore({ meetingId, userId, username }, options));
  const voiceCall = useSyncExternalStore(
    store.subscribe,
    () => store.viewFor({ meetingId, userId }),
    () => store.idle,
  );

  useEffect(() => {
    store.options = options;
  });
  // Before `mount`, so that a new call joins with the present name.
  useEffect(() => store.rename(username), [store, username]);
  useEffect(() => store.mount({ meetingId, userId }), [store, meetingId, userId]);

  const isDue = options.autoJoin === true && meetingId !== '' && userId !== '';
  useEffect(() => {
    if (isDue) store.joinSoon();
  }, [store, isDue, meetingId, userId]);

  return voiceCall;
}

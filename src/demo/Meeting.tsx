// A call from joining to leaving: which of its views is due.

import { useVoiceCall } from '../react';
import { CallView } from './CallView';
import type { Entry } from './entry';
import { Farewell } from './Farewell';
import { SERVER } from './server';
import { Waiting } from './Waiting';

interface Props {
  userId: string;
  /** The path of Socket.IO on the server. */
  socketPath: string | undefined;
  entry: Entry;
  onChange: (entry: Entry) => void;
  onExit: () => void;
}

export function Meeting({ userId, socketPath, entry, onChange, onExit }: Props) {
  const { meetingId, username, microphone, camera, speaker } = entry;
  const call = useVoiceCall(meetingId, userId, username || undefined, {
    autoJoin: true,
    url: SERVER,
    socketPath,
    audio: window.isSecureContext && (microphone || true),
    video: camera || undefined,
    speaker: speaker || undefined,
  });

  if (call.state === 'left')
    return (
      <Farewell
        meetingId={meetingId}
        error={call.snapshot?.error ?? null}
        onRejoin={() => void call.joinVoiceCall()}
        onExit={onExit}
      />
    );
  if (call.snapshot && call.self && call.isInCall)
    return (
      <CallView
        call={call}
        snapshot={call.snapshot}
        self={call.self}
        entry={entry}
        server={SERVER}
        onChange={onChange}
      />
    );
  return <Waiting meetingId={meetingId} state={call.state} onCancel={onExit} />;
}

// The page: the lobby, and the call that is entered from there.

import { useState } from 'react';
import { firstEntry, remember } from './entry';
import { Lobby } from './Lobby';
import { Meeting } from './Meeting';

interface Props {
  userId: string;
  socketPath: string | undefined;
}

export function App({ userId, socketPath }: Props) {
  const [entry, setEntry] = useState(firstEntry);
  const [isEntered, setEntered] = useState(false);

  if (isEntered)
    return (
      <Meeting
        userId={userId}
        socketPath={socketPath}
        entry={entry}
        onChange={setEntry}
        onExit={() => setEntered(false)}
      />
    );

  const enter = () => {
    const trimmed = { ...entry, meetingId: entry.meetingId.trim(), username: entry.username.trim() };
    remember(trimmed);
    setEntry(trimmed);
    setEntered(true);
  };
  return <Lobby entry={entry} onChange={setEntry} onEnter={enter} />;
}

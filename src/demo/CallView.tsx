// The call itself: who is here, what one can do, and what there is to know.

import { useState } from 'react';
import type { Self, Snapshot, VoiceCall } from '../react';
import { Controls } from './Controls';
import { DeviceDialog } from './DeviceDialog';
import { Diagnostics } from './Diagnostics';
import type { Entry } from './entry';
import { Hint } from './Hint';
import { Icon } from './icons';
import { Invitation } from './Invitation';
import { InviteDialog } from './InviteDialog';
import { isolate } from './isolate';
import { Notices } from './Notices';
import { ParticipantTile, SelfTile } from './ParticipantTile';
import { Tiles } from './Tiles';
import { useFocus } from './use-focus';
import { useTitle } from './use-title';

interface Props {
  call: VoiceCall;
  snapshot: Snapshot;
  self: Self;
  entry: Entry;
  /** Where the server is. */
  server: string;
  onChange: (entry: Entry) => void;
}

export function CallView({ call, snapshot, self, entry, server, onChange }: Props) {
  const [dialog, setDialog] = useState<'invite' | 'devices' | 'diagnostics' | null>(null);
  const heading = useFocus<HTMLHeadingElement>();
  const { meetingId, participants } = snapshot;
  const count = participants.length + 1;
  useTitle(`(${count}) ${isolate(meetingId)}`);
  const closeDialog = () => setDialog(null);

  return (
    <div className="call">
      <header className="bar">
        <h1 ref={heading} tabIndex={-1}>
          <bdi className="meeting">{meetingId}</bdi>{' '}
          <span className="count">{count === 1 ? 'only you' : `${count} people`}</span>
        </h1>
        <button type="button" className="button" onClick={() => setDialog('invite')}>
          <Icon name="invite" /> <span className="wide-only">Invite</span>
        </button>
        <button type="button" className="button" onClick={() => setDialog('diagnostics')}>
          <Icon name="pulse" /> <span className="wide-only">Diagnostics</span>
        </button>
      </header>

      <main className="stage">
        <Notices call={call} />
        <Tiles>
          <SelfTile self={self} />
          {participants.map((participant) => (
            <ParticipantTile
              key={participant.userId}
              participant={participant}
              onRedial={() => call.redial(participant.userId)}
              onInspect={() => setDialog('diagnostics')}
            />
          ))}
          {participants.length === 0 && <Invitation meetingId={meetingId} onShow={() => setDialog('invite')} />}
        </Tiles>
      </main>

      <footer className="dock">
        <Hint self={self} hasMuteKey={entry.hasMuteKey} />
        <Controls call={call} self={self} hasMuteKey={entry.hasMuteKey} onDevices={() => setDialog('devices')} />
      </footer>

      {dialog === 'invite' && <InviteDialog meetingId={meetingId} server={server} onClose={closeDialog} />}
      {dialog === 'devices' && (
        <DeviceDialog call={call} self={self} entry={entry} onChange={onChange} onClose={closeDialog} />
      )}
      {dialog === 'diagnostics' && <Diagnostics snapshot={snapshot} server={server} onClose={closeDialog} />}
    </div>
  );
}

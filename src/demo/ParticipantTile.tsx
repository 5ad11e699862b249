// Somebody in the call: who it is, whether they speak, and whether we hear each other.

import type { CSSProperties, ReactNode } from 'react';
import type { Participant, Self } from '../react';
import { Avatar } from './Avatar';
import { Icon } from './icons';
import { isolate } from './isolate';
import { QualityBadge } from './QualityBadge';
import { Video } from './Video';

interface FaceProps {
  person: Pick<Participant, 'userId' | 'username' | 'isMuted' | 'isVideoOn' | 'isSpeaking' | 'audioLevel' | 'stream'>;
  isSelf?: boolean;
  /** Whether they are not to be seen or heard now. */
  isFaint?: boolean;
  children?: ReactNode;
}

function Face({ person, isSelf = false, isFaint = false, children }: FaceProps) {
  const { userId, username, isMuted, isVideoOn, isSpeaking, audioLevel, stream } = person;
  const isHeard = isSpeaking && !isMuted;
  return (
    <li
      className="tile"
      data-muted={isMuted || undefined}
      data-speaking={isHeard || undefined}
      data-faint={isFaint || undefined}
      style={{ '--level': audioLevel } as CSSProperties}
    >
      {isVideoOn && stream ? <Video stream={stream} isMirrored={isSelf} /> : <Avatar userId={userId} name={username} />}
      <div className="name">
        {isHeard ? <span className="sound" /> : <Icon name={isMuted ? 'microphoneOff' : 'microphone'} />}
        <bdi className="who">{username}</bdi>
        {isSelf && <span className="you">you</span>}
        <span className="hidden">{isHeard ? ', speaking' : isMuted ? ', muted' : ', not muted'}</span>
      </div>
      {children}
    </li>
  );
}

export function SelfTile({ self }: { self: Self }) {
  return <Face person={self} isSelf />;
}

interface Props {
  participant: Participant;
  onRedial: () => void;
  onInspect: () => void;
}

export function ParticipantTile({ participant, onRedial, onInspect }: Props) {
  const { username, connection, quality } = participant;
  const status = statusOf(participant);
  return (
    <Face person={participant} isFaint={connection !== 'connected'}>
      {status !== undefined && (
        <p className="chip">
          <span className="spinner" /> {status}
        </p>
      )}
      {quality && connection === 'connected' && (
        <QualityBadge name={username} quality={quality} onInspect={onInspect} />
      )}
      {connection === 'failed' && (
        <div className="trouble">
          <p>No sound</p>
          <button
            type="button"
            className="button"
            onClick={onRedial}
            aria-label={`Try again to reach ${isolate(username)}`}
          >
            Try again
          </button>
        </div>
      )}
    </Face>
  );
}

/** What is over soon, or harms little, in one line; undefined when all is well. */
function statusOf({ connection, isReconnecting }: Participant): string | undefined {
  if (connection === 'connecting') return 'Connecting…';
  if (connection === 'reconnecting') return 'Sound lost…';
  if (isReconnecting && connection === 'connected') return 'Reconnecting…';
  return undefined;
}

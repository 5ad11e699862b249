// What happens meanwhile, in passing and until it is over. Screen readers say it without being asked.

import type { VoiceCall } from '../react';
import { Icon } from './icons';
import { useNews } from './use-news';

export function Notices({ call }: { call: VoiceCall }) {
  const { state, error, isAudioBlocked, participants, dismissError, resumeAudio } = call;
  const whom = participants.find(({ userId }) => userId === error?.userId);
  const news = useNews(call.call);
  return (
    <div className="notices">
      <div role="alert">
        {isAudioBlocked && (
          <div className="notice">
            <Icon name="soundOff" />
            <p>The browser holds the sound back until you say so.</p>
            <button type="button" className="button primary" onClick={() => void resumeAudio()}>
              Turn sound on
            </button>
          </div>
        )}
        {error && (
          <div className="notice warning">
            <Icon name="warning" />
            <p>
              {whom && (
                <strong>
                  <bdi>{whom.username}</bdi>:{' '}
                </strong>
              )}
              {error.message}
            </p>
            <button type="button" className="icon-button" aria-label="Dismiss" onClick={dismissError}>
              <Icon name="close" />
            </button>
          </div>
        )}
      </div>
      <div role="status">
        {state === 'reconnecting' && (
          <div className="notice warning">
            <div className="spinner" />
            <p>
              <strong>Reconnecting to the server…</strong> You still hear each other.
            </p>
          </div>
        )}
        {news.map(({ id, name, text }) => (
          <p key={id} className="notice">
            <span>
              {name !== undefined && <bdi>{name}</bdi>} {text}
            </span>
          </p>
        ))}
      </div>
    </div>
  );
}

// Before the call: who you are, where you go, and whether your microphone hears you.

import { useEffect, useRef, useState, type SubmitEvent } from 'react';
import { DeviceSelect } from './DeviceSelect';
import { meetingIn, type Entry } from './entry';
import { Icon, Mark } from './icons';
import { InsecureNotice } from './InsecureNotice';
import { MicrophoneCheck } from './MicrophoneCheck';
import { canChooseSpeaker, useDevices } from './use-devices';
import { useMicrophoneCheck } from './use-microphone-check';
import { useTitle } from './use-title';

interface Props {
  entry: Entry;
  onChange: (entry: Entry) => void;
  onEnter: () => void;
}

export function Lobby({ entry, onChange, onEnter }: Props) {
  const [isMeetingMissing, setMeetingMissing] = useState(false);
  const name = useRef<HTMLInputElement>(null);
  const meeting = useRef<HTMLInputElement>(null);
  const check = useMicrophoneCheck(entry.microphone);
  const devices = useDevices(check.status === 'on');
  useTitle('Join a call');

  useEffect(() => {
    // On a phone, the keyboard would cover the page before anybody has seen it.
    if (matchMedia('(hover: hover) and (pointer: fine)').matches) name.current?.focus();
  }, []);

  const choose = (choice: Partial<Entry>) => onChange({ ...entry, ...choice });
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (entry.meetingId.trim() === '') {
      setMeetingMissing(true);
      meeting.current?.focus();
    } else onEnter();
  };

  return (
    <main className="lobby">
      <section className="pitch">
        <Mark />
        <h1>Join the call</h1>
        <p>
          Sound and picture go from browser to browser, encrypted. The server introduces people to each other, and hears
          nothing.
        </p>
        <ul>
          <li>
            <Icon name="link" /> No account: who has the link can join.
          </li>
          <li>
            <Icon name="microphoneOff" /> Everyone starts muted, with the camera off.
          </li>
          <li>
            <Icon name="pulse" /> Lost the network for a moment? The call goes on.
          </li>
        </ul>
      </section>

      <form className="card" onSubmit={submit} noValidate>
        <InsecureNotice />
        <label className="field">
          Your name
          <input
            ref={name}
            value={entry.username}
            onChange={({ target }) => choose({ username: target.value })}
            autoComplete="nickname"
            maxLength={64}
            placeholder="Anonymous"
            enterKeyHint="go"
          />
        </label>
        <div className="field">
          <label htmlFor="meeting">Meeting</label>
          <input
            ref={meeting}
            id="meeting"
            value={entry.meetingId}
            onChange={({ target }) => {
              setMeetingMissing(false);
              choose({ meetingId: meetingIn(target.value) });
            }}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            maxLength={128}
            required
            aria-invalid={isMeetingMissing}
            aria-describedby="meeting-help"
            enterKeyHint="go"
          />
          <small id="meeting-help" className={isMeetingMissing ? 'wrong' : undefined}>
            {isMeetingMissing
              ? 'Type any name, or paste the link you got.'
              : 'Any name that you agree on, or a pasted link.'}
          </small>
        </div>

        {window.isSecureContext && (
          <>
            <MicrophoneCheck
              check={check}
              devices={devices?.microphones}
              chosen={entry.microphone}
              onChoose={(microphone) => choose({ microphone })}
            />
            <details className="more">
              <summary>{canChooseSpeaker ? 'Camera and loudspeaker' : 'Camera'}</summary>
              <DeviceSelect
                kind="camera"
                devices={devices?.cameras}
                chosen={entry.camera}
                onChoose={(camera) => choose({ camera })}
              />
              {canChooseSpeaker && (
                <DeviceSelect
                  kind="speaker"
                  devices={devices?.speakers}
                  chosen={entry.speaker}
                  onChoose={(speaker) => choose({ speaker })}
                />
              )}
            </details>
          </>
        )}

        <button type="submit" className="button primary wide">
          Join
        </button>
      </form>
    </main>
  );
}

// Another microphone, camera or loudspeaker, while the call goes on.

import type { Self, VoiceCall } from '../react';
import { DeviceSelect } from './DeviceSelect';
import { Dialog } from './Dialog';
import { rememberMuteKey, type Entry } from './entry';
import { InsecureNotice } from './InsecureNotice';
import { LevelMeter } from './LevelMeter';
import { canChooseSpeaker, useDevices } from './use-devices';

interface Props {
  call: VoiceCall;
  self: Self;
  entry: Entry;
  /** What is chosen here also holds for the next call. */
  onChange: (entry: Entry) => void;
  onClose: () => void;
}

export function DeviceDialog({ call, self, entry, onChange, onClose }: Props) {
  const { microphone, camera, audioLevel } = self;
  const devices = useDevices(microphone.status === 'on' || camera.status === 'on');

  return (
    <Dialog title="Devices" onClose={onClose}>
      <InsecureNotice />
      <DeviceSelect
        kind="microphone"
        devices={devices?.microphones}
        chosen={microphone.deviceId ?? entry.microphone}
        onChoose={(deviceId) => {
          onChange({ ...entry, microphone: deviceId });
          void call.chooseMicrophone(deviceId);
        }}
      />
      <LevelMeter level={audioLevel} />
      {microphone.error && (
        <p className="wrong" role="alert">
          {microphone.error.message}
        </p>
      )}
      <DeviceSelect
        kind="camera"
        devices={devices?.cameras}
        chosen={camera.deviceId ?? entry.camera}
        onChoose={(deviceId) => {
          onChange({ ...entry, camera: deviceId });
          void call.chooseCamera(deviceId);
        }}
      />
      {canChooseSpeaker && (
        <DeviceSelect
          kind="speaker"
          devices={devices?.speakers}
          chosen={entry.speaker}
          onChoose={(deviceId) => {
            onChange({ ...entry, speaker: deviceId });
            void call.chooseSpeaker(deviceId);
          }}
        />
      )}
      <label className="tick with-keys">
        <input
          type="checkbox"
          checked={entry.hasMuteKey}
          onChange={({ target }) => {
            rememberMuteKey(target.checked);
            onChange({ ...entry, hasMuteKey: target.checked });
          }}
        />
        The key M mutes and unmutes
      </label>
    </Dialog>
  );
}

// What one does during a call: speak, show oneself, change devices, leave.

import { useEffect, type ReactNode } from 'react';
import type { Self, VoiceCall } from '../react';
import { Icon, type IconName } from './icons';

interface Props {
  call: VoiceCall;
  self: Self;
  hasMuteKey: boolean;
  onDevices: () => void;
}

export function Controls({ call, self, hasMuteKey, onDevices }: Props) {
  const { isMuted, isVideoOn, toggleMute, toggleVideo, leaveVoiceCall } = call;
  useMuteKey(hasMuteKey, toggleMute);
  const key = hasMuteKey ? ' (M)' : '';

  return (
    <div className="controls" role="group" aria-label="Controls">
      <Control
        icon={isMuted ? 'microphoneOff' : 'microphone'}
        look={isMuted ? 'off' : 'on'}
        isPressed={isMuted}
        isBusy={self.microphone.status === 'opening'}
        title={(isMuted ? 'Unmute' : 'Mute') + key}
        onClick={() => void toggleMute()}
      >
        {isMuted ? 'Muted' : 'Mute'}
      </Control>
      <Control
        icon={isVideoOn ? 'camera' : 'cameraOff'}
        look={isVideoOn ? 'on' : undefined}
        isPressed={isVideoOn}
        isBusy={self.camera.status === 'opening'}
        title={isVideoOn ? 'Switch the camera off' : 'Switch the camera on'}
        onClick={() => void toggleVideo()}
      >
        Camera
      </Control>
      <Control icon="devices" title="Change microphone, camera or loudspeaker" onClick={onDevices}>
        Devices
      </Control>
      <Control icon="leave" look="leave" title="Leave the call" onClick={() => void leaveVoiceCall()}>
        Leave
      </Control>
      <p className="hidden" role="status">
        {isMuted ? 'You are muted.' : 'You are not muted.'}
      </p>
    </div>
  );
}

interface ControlProps {
  icon: IconName;
  look?: 'on' | 'off' | 'leave' | undefined;
  isPressed?: boolean;
  isBusy?: boolean;
  title: string;
  onClick: () => void;
  children: ReactNode;
}

function Control({ icon, look, isPressed, isBusy, title, onClick, children }: ControlProps) {
  return (
    <button
      type="button"
      className="control"
      data-look={look}
      aria-pressed={isPressed}
      aria-busy={isBusy}
      title={title}
      onClick={onClick}
    >
      <span className="disc">
        <Icon name={icon} />
      </span>
      <span className="label">{children}</span>
    </button>
  );
}

/** M, wherever the focus is, unless somebody is writing or choosing there. */
function useMuteKey(isOn: boolean, toggleMute: () => Promise<void>): void {
  useEffect(() => {
    if (!isOn) return;
    const press = ({ key, target, repeat, ctrlKey, metaKey, altKey }: KeyboardEvent) => {
      if (key.toLowerCase() !== 'm' || repeat || ctrlKey || metaKey || altKey) return;
      if (target instanceof Element && target.closest('input, textarea, select, [contenteditable]')) return;
      void toggleMute();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [isOn, toggleMute]);
}

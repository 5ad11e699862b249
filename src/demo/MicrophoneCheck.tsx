// The microphone before the call: which one, and whether it hears anything.

import { DeviceSelect } from './DeviceSelect';
import { Icon } from './icons';
import { LevelMeter } from './LevelMeter';
import type { MicrophoneCheck as Check } from './use-microphone-check';
import { useSteady } from './use-steady';

/** How long a microphone may be silent before we wonder, in milliseconds. */
const PATIENCE_MS = 5000;

interface Props {
  check: Check;
  devices: readonly MediaDeviceInfo[] | undefined;
  chosen: string;
  onChoose: (deviceId: string) => void;
}

export function MicrophoneCheck({ check, devices, chosen, onChoose }: Props) {
  const isOn = check.status === 'on';
  return (
    <div className="check">
      <DeviceSelect kind="microphone" devices={devices} chosen={chosen} onChoose={onChoose} />
      <div className="trial">
        {isOn && <LevelMeter level={check.level} />}
        <button type="button" className="button" onClick={isOn ? check.stop : check.start}>
          {isOn ? 'Stop' : check.status === 'failed' ? 'Try again' : 'Test microphone'}
        </button>
      </div>
      <p className={check.error ? 'wrong' : undefined} role="status">
        <Finding {...check} />
      </p>
    </div>
  );
}

function Finding({ status, hasHeard, error }: Check) {
  const isSilent = useSteady(status === 'on' && !hasHeard, PATIENCE_MS);
  if (error) return <>{error.message} You can also join without, and listen.</>;
  if (status === 'off') return 'Nothing is sent before you unmute in the call.';
  if (status === 'asking') return 'The browser asks you whether it may be used.';
  if (hasHeard)
    return (
      <>
        <Icon name="check" /> It hears you.
      </>
    );
  return isSilent ? 'It hears nothing yet. Is it the right one?' : 'Say something: the bar moves.';
}

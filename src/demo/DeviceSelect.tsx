// A choice of one kind of device.

import { Icon } from './icons';

const WORDS = {
  microphone: { label: 'Microphone', standard: 'Default microphone', none: 'No microphone found' },
  camera: { label: 'Camera', standard: 'Default camera', none: 'No camera found' },
  speaker: { label: 'Loudspeaker', standard: 'Default loudspeaker', none: 'No loudspeaker found' },
};

interface Props {
  kind: keyof typeof WORDS;
  devices: readonly MediaDeviceInfo[] | undefined;
  /** A device id; empty when nothing was chosen. */
  chosen: string;
  onChoose: (deviceId: string) => void;
}

export function DeviceSelect({ kind, devices, chosen, onChoose }: Props) {
  const { label, standard, none } = WORDS[kind];
  // Before the page is allowed to use one, browsers tell that there are some, without saying which.
  const known = devices?.filter(({ deviceId }) => deviceId !== '') ?? [];
  return (
    <label className="field">
      {label}
      <span className="select">
        <select
          value={chosen || known[0]?.deviceId}
          disabled={known.length === 0}
          onChange={({ target }) => onChoose(target.value)}
        >
          {known.length === 0 && <option>{devices?.length === 0 ? none : standard}</option>}
          {known.map((device, index) => (
            <option key={device.deviceId} value={device.deviceId}>
              {device.label || `${label} ${index + 1}`}
            </option>
          ))}
        </select>
        <Icon name="down" />
      </span>
    </label>
  );
}

// Microphones, cameras and loudspeakers: which there are, and what the browser says when it does not give one.

import { CallError, localError, type LocalErrorCode } from './errors';

export type DeviceKind = 'microphone' | 'camera';

export interface Devices {
  microphones: MediaDeviceInfo[];
  cameras: MediaDeviceInfo[];
  speakers: MediaDeviceInfo[];
}

/** Without labels and ids until the page was allowed to use one of them; none at all on an insecure page. */
export async function listDevices(): Promise<Devices> {
  const devices = (await mediaDevices()?.enumerateDevices()) ?? [];
  const ofKind = (kind: MediaDeviceKind) => devices.filter((device) => device.kind === kind);
  return { microphones: ofKind('audioinput'), cameras: ofKind('videoinput'), speakers: ofKind('audiooutput') };
}

/** Tells when devices are plugged in or out; gives back its end. */
export function onDevicesChanged(listener: () => void): () => void {
  mediaDevices()?.addEventListener('devicechange', listener);
  return () => mediaDevices()?.removeEventListener('devicechange', listener);
}

/**
 * Opens a microphone outside of a call, for a check before it. Stop its tracks when done.
 * Rejects with `MIC_DENIED`, `MIC_NOT_FOUND`, `MIC_IN_USE` or `INSECURE_CONTEXT`.
 */
export async function openMicrophone(audio: boolean | string | MediaTrackConstraints = true): Promise<MediaStream> {
  const track = await openTrack('microphone', constraintsOf('microphone', audio));
  return new MediaStream([track]);
}

/** What an app may say of a device, as constraints; undefined for `false`. */
export function constraintsOf(
  kind: DeviceKind,
  wish: boolean | string | MediaTrackConstraints | undefined,
): MediaTrackConstraints {
  const defaults: MediaTrackConstraints =
    kind === 'microphone'
      ? { echoCancellation: true, noiseSuppression: true, autoGainControl: true }
      : { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 24 } };
  if (typeof wish === 'string') return { ...defaults, deviceId: { exact: wish } };
  return { ...defaults, ...(typeof wish === 'object' && wish) };
}

export async function openTrack(kind: DeviceKind, constraints: MediaTrackConstraints): Promise<MediaStreamTrack> {
  const devices = mediaDevices();
  if (!devices) throw localError('INSECURE_CONTEXT');
  try {
    const stream = await devices.getUserMedia({ [kind === 'microphone' ? 'audio' : 'video']: constraints });
    const [track] = stream.getTracks();
    if (!track) throw localError(kind === 'microphone' ? 'MIC_NOT_FOUND' : 'CAMERA_NOT_FOUND');
    return track;
  } catch (cause) {
    throw cause instanceof CallError ? cause : deviceError(kind, cause);
  }
}

function deviceError(kind: DeviceKind, cause: unknown): CallError {
  const prefix = kind === 'microphone' ? 'MIC' : 'CAMERA';
  const code = ((): LocalErrorCode => {
    // The names of getUserMedia's rejections, as Media Capture and Streams gives them.
    switch (cause instanceof Error && cause.name) {
      case 'NotAllowedError':
      case 'SecurityError':
        return `${prefix}_DENIED`;
      case 'NotFoundError':
      case 'OverconstrainedError':
        return `${prefix}_NOT_FOUND`;
      default:
        return `${prefix}_IN_USE`;
    }
  })();
  return localError(code, { cause });
}

/** Missing on insecure pages, whatever its type says. */
const mediaDevices = () => navigator.mediaDevices as MediaDevices | undefined;

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

/** Which microphone or camera: a device id, constraints, or a track of the app's own. `''` and null are the default. */
export type DeviceChoice = boolean | string | MediaTrackConstraints | GivenMedia | null | undefined;
/** Media that an app made itself: music, a processed microphone, a canvas. The SDK never stops its tracks. */
export type GivenMedia = MediaStreamTrack | MediaStream;

/**
 * Opens a microphone outside of a call, for a check before it. Stop its tracks when done. A device id that is gone opens
 * the default microphone.
 * Rejects with `MIC_DENIED`, `MIC_NOT_FOUND`, `MIC_IN_USE`, `MIC_OVERCONSTRAINED`, `INVALID_TRACK` or `INSECURE_CONTEXT`.
 */
export async function openMicrophone(audio: DeviceChoice = true): Promise<MediaStream> {
  const { track } = await openChoice('microphone', audio, isNotFound);
  return new MediaStream([track]);
}

export interface OpenedTrack {
  track: MediaStreamTrack;
  /** Whether the app made the track, so that stopping it is not ours to do. */
  isGiven: boolean;
  /** Whether this is the default device, in place of the chosen one. */
  isFallback: boolean;
}

/**
 * Opens what the app chose.
 *
 * @param allowsFallback - whether the default device may replace a chosen device that failed with this error.
 */
export async function openChoice(
  kind: DeviceKind,
  choice: DeviceChoice,
  allowsFallback: (error: CallError) => boolean,
): Promise<OpenedTrack> {
  if (isGiven(choice)) return { track: liveTrack(kind, choice), isGiven: true, isFallback: false };
  const constraints = constraintsOf(kind, choice);
  try {
    return { track: await openTrack(kind, constraints), isGiven: false, isFallback: false };
  } catch (error) {
    if (!namesDevice(constraints) || !allowsFallback(error as CallError)) throw error;
    const { deviceId: _, ...others } = constraints;
    return { track: await openTrack(kind, others), isGiven: false, isFallback: true };
  }
}

export const isNotFound = ({ code }: CallError) => code === 'MIC_NOT_FOUND' || code === 'CAMERA_NOT_FOUND';

/** Recognizes tracks and streams of other frames, too, which are instances of other classes. */
export function isGiven(choice: unknown): choice is GivenMedia {
  return typeof choice === 'object' && choice !== null && ('getTracks' in choice || 'readyState' in choice);
}

function liveTrack(kind: DeviceKind, given: GivenMedia): MediaStreamTrack {
  const tracks = 'getTracks' in given ? given.getTracks() : [given];
  const track = tracks.find((track) => track.kind === mediaKind(kind) && track.readyState === 'live');
  if (!track) throw localError('INVALID_TRACK');
  return track;
}

/** The constraints for a choice that is no track; an empty device id means the default device. */
export function constraintsOf(kind: DeviceKind, choice: DeviceChoice): MediaTrackConstraints {
  const defaults: MediaTrackConstraints =
    kind === 'microphone'
      ? { echoCancellation: true, noiseSuppression: true, autoGainControl: true }
      : { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 24 } };
  if (typeof choice === 'string') return choice === '' ? defaults : { ...defaults, deviceId: { exact: choice } };
  return { ...defaults, ...(typeof choice === 'object' && !isGiven(choice) && choice) };
}

/** Whether only one device will do. */
const namesDevice = ({ deviceId }: MediaTrackConstraints) =>
  typeof deviceId === 'object' && !Array.isArray(deviceId) && deviceId.exact !== undefined;

/** Rejects when the browser lists the devices of this kind and this one is not among them. */
export async function requireDevice(kind: DeviceKind, deviceId: string): Promise<void> {
  const { microphones, cameras } = await listDevices();
  const ids = (kind === 'microphone' ? microphones : cameras).map((device) => device.deviceId);
  // Before the page was allowed to use a device, ids are empty.
  if (ids.some((id) => id !== '') && !ids.includes(deviceId)) throw localError(`${PREFIX[kind]}_NOT_FOUND`);
}

/** Rejects with `SPEAKER_NOT_FOUND` or `SPEAKER_DENIED` when audio cannot be played on this device. */
export async function requireSpeaker(deviceId: string): Promise<void> {
  const probe = new Audio();
  // Safari on iOS and insecure pages cannot select a speaker.
  if (!('setSinkId' in probe)) return;
  try {
    await probe.setSinkId(deviceId);
  } catch (cause) {
    const isDenied = cause instanceof Error && cause.name === 'NotAllowedError';
    throw localError(isDenied ? 'SPEAKER_DENIED' : 'SPEAKER_NOT_FOUND', { cause });
  }
}

export async function openTrack(kind: DeviceKind, constraints: MediaTrackConstraints): Promise<MediaStreamTrack> {
  const devices = mediaDevices();
  if (!devices) throw localError('INSECURE_CONTEXT');
  try {
    const stream = await devices.getUserMedia({ [mediaKind(kind)]: constraints });
    const [track] = stream.getTracks();
    if (!track) throw localError(`${PREFIX[kind]}_NOT_FOUND`);
    return track;
  } catch (cause) {
    throw cause instanceof CallError ? cause : deviceError(kind, cause);
  }
}

function deviceError(kind: DeviceKind, cause: unknown): CallError {
  const prefix = PREFIX[kind];
  const code = ((): LocalErrorCode => {
    // The names of getUserMedia's rejections, as Media Capture and Streams gives them.
    switch (cause instanceof Error && cause.name) {
      case 'NotAllowedError':
      case 'SecurityError':
        return `${prefix}_DENIED`;
      case 'NotFoundError':
        return `${prefix}_NOT_FOUND`;
      case 'OverconstrainedError':
        return `${prefix}_${isAboutDevice(cause) ? 'NOT_FOUND' : 'OVERCONSTRAINED'}`;
      case 'TypeError':
        return `${prefix}_OVERCONSTRAINED`;
      default:
        return `${prefix}_IN_USE`;
    }
  })();
  return localError(code, { cause });
}

/** Browsers leave the name of the constraint empty until the page was allowed to use a device. */
const isAboutDevice = (cause: unknown) =>
  ['', 'deviceId', undefined].includes((cause as Partial<OverconstrainedError>).constraint);

const PREFIX = { microphone: 'MIC', camera: 'CAMERA' } as const;
const mediaKind = (kind: DeviceKind) => (kind === 'microphone' ? 'audio' : 'video');

/** Missing on insecure pages, whatever its type says. */
const mediaDevices = () => navigator.mediaDevices as MediaDevices | undefined;

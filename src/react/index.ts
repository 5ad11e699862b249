// What `import 'back-call/react'` offers: the hook, and what a React app needs of the client beside it.

export { useVoiceCall } from './use-voice-call';
export type { VoiceCall, VoiceCallOptions } from './voice-call';
export { CallError, listDevices, onDevicesChanged, openMicrophone, watchLevel } from '../client';
export type {
  Call,
  CallErrorCode,
  CallState,
  DeviceChoice,
  Device,
  Devices,
  GivenMedia,
  MediaState,
  Participant,
  Quality,
  Self,
  Snapshot,
} from '../client';

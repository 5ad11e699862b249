// What `import { … } from 'back-call/client'`, and the global `BackCall`, offer.

export { Call, joinCall, type CallOptions } from './call';
export { listDevices, onDevicesChanged, openMicrophone } from './devices';
export type { DeviceChoice, DeviceKind, Devices, GivenMedia } from './devices';
export { CallError, type CallErrorCode, type LocalErrorCode } from './errors';
export { watchLevel } from './level';
export type * from './snapshot';
export type { ErrorCode, LeaveReason } from '../protocol';

// What `import { … } from 'back-call'` offers.

export { createCallServer, type CallServer, type CallServerOptions } from './call-server';
export { ConfigError, loadConfig, type Config } from './config';
export { CallError } from './errors';
export type { Backplane, PeerFrames } from './backplane/index';
export type { PeerPresence } from './directory';
export type { Credentials, Identity } from './identity';
export type { RoomStore, Seat, Seating, SeatKey } from './rooms';
export type * from './protocol';

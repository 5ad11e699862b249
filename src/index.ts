// What `import { … } from 'back-call'` offers.

export { createCallServer, type CallServer, type CallServerOptions } from './call-server';
export { ConfigError, loadConfig, type Complaint, type Config, type ConfigOptions, type RateLimits } from './config';
export { CallError } from './errors';
export type { Backplane, Limiter, Missed, PeerFrames, Post, PostListener } from './backplane/index';
export type { PeerConnection, PeerPresence } from './directory';
export type { Credentials, Identity } from './identity';
export type { Address, Change, Media, Newcomer, RoomStore, Seat, Seating, SeatKey } from './rooms';
export type * from './protocol';

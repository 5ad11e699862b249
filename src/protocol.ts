// The wire, defined once: every event, reply, REST answer and error code. Schemas check what comes in; types describe
// what goes out. docs/protocol.md tells it in words.

import * as z from 'zod';
import { jsonSize } from './json';
import { ANONYMOUS, isPlainId, isPlainName, toDisplayName } from './names';

/** How deep JSON from outside may be nested, wherever it comes in. */
export const MAX_JSON_DEPTH = 32;
/** How large one signal or one PeerJS frame may be, in bytes. */
export const MAX_SIGNAL_BYTES = 64 * 1024;

/** Maximum size of the `auth` payload of a Socket.IO connection in memory, in bytes. */
export const MAX_AUTH_BYTES = 4 * 1024;

// ---- What comes in ----------------------------------------------------------------------------------------------

const text = (maxLength: number) => z.string().min(1).max(maxLength);

const id = text(128).refine(isPlainId, 'must have no control characters and no invisible characters');

const username = text(64)
  .refine(isPlainName, 'must have no control characters')
  .transform(toDisplayName)
  .pipe(text(64));

const PEER_ID = /^[A-Za-z0-9]+(?:[ _-][A-Za-z0-9]+)*$/;

/** Whether PeerJS can be reached under this id: what the PeerJS client itself accepts as an id, in our length. */
export const isPeerId = (id: unknown): id is string => typeof id === 'string' && id.length <= 128 && PEER_ID.test(id);

export const peerId = z.custom<string>(
  isPeerId,
  'must be letters and digits, with single spaces, dashes or underscores between',
);

/** How long the token of a PeerJS client may be, in UTF-16 code units. */
export const MAX_PEER_TOKEN_LENGTH = 128;

/** The token that a PeerJS client sends to the broker: `peer.options.token`. */
const peerToken = text(MAX_PEER_TOKEN_LENGTH);

export const meetingId = id;

const self = z.object({ meetingId, userId: id });

/** A session description or a candidate, as an object or a text of the page's own making. */
const signal = z.custom<object | string>(
  (value) =>
    ((typeof value === 'object' && value !== null && !Array.isArray(value)) || (typeof value === 'string' && value)) &&
    jsonSize(value, MAX_JSON_DEPTH) <= MAX_SIGNAL_BYTES,
  'must be an object or a text, at most 64 KiB of JSON, 32 levels deep',
);

/** Every event that a client may send, with the schema of its payload. */
export const clientEvents = {
  'call:join': z.object({
    meetingId,
    userId: id,
    peerId,
    peerToken: peerToken.nullish(),
    username: username.nullish().transform((name) => name ?? ANONYMOUS),
  }),
  'call:leave': self,
  'call:signal': z.object({
    meetingId,
    fromUserId: id,
    toUserId: id,
    fromPeerId: id.nullish(),
    toPeerId: id.nullish(),
    signal,
    signalType: z.enum(['offer', 'answer', 'ice-candidate']),
  }),
  'call:mute': self,
  'call:unmute': self,
  'call:video-on': self,
  'call:video-off': self,
  'call:rename': z.object({ meetingId, userId: id, username }),
} satisfies Record<string, z.ZodType>;

export type ClientEvent = keyof typeof clientEvents;
/** The payload of a client's event, checked. */
export type Payload<E extends ClientEvent> = z.output<(typeof clientEvents)[E]>;

// ---- What goes out ----------------------------------------------------------------------------------------------

export type ErrorCode =
  | 'INVALID_PAYLOAD'
  | 'INVALID_SIGNAL'
  | 'INVALID_REQUEST'
  | 'UNSUPPORTED_PROTOCOL_VERSION'
  | 'PEER_DISCOVERY_OFF'
  | 'ORIGIN_NOT_ALLOWED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'ROOM_NOT_FOUND'
  | 'USER_NOT_FOUND'
  | 'PEER_NOT_FOUND'
  | 'NOT_IN_CALL'
  | 'ROOM_FULL'
  | 'PEER_ID_TAKEN'
  | 'REPLACED'
  | 'RATE_LIMITED'
  | 'INTERNAL_ERROR'
  | 'SHUTTING_DOWN'
  | 'UNAVAILABLE';

/** Why somebody is no longer in a call. */
export type LeaveReason = 'left' | 'closed' | 'lost' | 'moved' | 'evicted';

/** An entry of `RTCConfiguration.iceServers`, with one URL. */
export interface IceServer {
  urls: string;
  username?: string;
  credential?: string;
}

export interface ParticipantInfo {
  userId: string;
  peerId: string;
  username: string;
  isMuted: boolean;
  isVideoOn: boolean;
  /** ISO 8601. */
  joinedAt: string;
  /** Whether the PeerJS broker has a connection of this peer id now. */
  peerOnline: boolean;
  /** Whether the signaling connection is lost, and the seat kept for a return. */
  reconnecting: boolean;
}

/** Somebody in a call, at a moment. */
export interface ParticipantEvent {
  userId: string;
  peerId: string;
  username: string;
  /** ISO 8601. */
  timestamp: string;
}

/** Whose microphone or camera it is that changed. */
export interface MediaStatus {
  userId: string;
  username: string;
  /** ISO 8601. */
  timestamp: string;
}
export type MuteStatus = MediaStatus & { isMuted: boolean };
export type VideoStatus = MediaStatus & { isVideoOn: boolean };

export interface PeersList {
  meetingId: string;
  /** The others, without who reads it. */
  participants: ParticipantInfo[];
  count: number;
}

export interface Refusal {
  success: false;
  /** One sentence. */
  message: string;
  code: ErrorCode;
  /** Milliseconds, with `RATE_LIMITED` and `UNAVAILABLE`. */
  retryAfterMs?: number;
}

/** What the data of an acknowledgement is, by event. */
export interface Replies {
  'call:join': { meetingId: string; self: ParticipantInfo; participants: ParticipantInfo[]; iceServers: IceServer[] };
  'call:leave': { meetingId: string; userId: string };
  'call:signal': { toUserId: string };
  'call:mute': MuteStatus;
  'call:unmute': MuteStatus;
  'call:video-on': VideoStatus;
  'call:video-off': VideoStatus;
  'call:rename': ParticipantEvent;
}

export type Reply<E extends ClientEvent> = { success: true; data: Replies[E] } | Refusal;

/** Event map for `socket.io-client`: `Socket<ServerToClientEvents, ClientToServerEvents>`. */
export type ClientToServerEvents = {
  [E in ClientEvent]: (payload: z.input<(typeof clientEvents)[E]>, reply?: (answer: Reply<E>) => void) => void;
};

export interface ServerToClientEvents {
  'call:ice-servers': (iceServers: IceServer[]) => void;
  'call:peers-list': (list: PeersList) => void;
  'call:peer-joined': (participant: ParticipantEvent) => void;
  'call:peer-left': (participant: ParticipantEvent & { reason: LeaveReason }) => void;
  'call:peer-reconnecting': (participant: ParticipantEvent) => void;
  'call:peer-reconnected': (participant: ParticipantEvent) => void;
  'call:peer-status': (status: { userId: string; peerId: string; online: boolean }) => void;
  'call:peer-renamed': (participant: ParticipantEvent) => void;
  'call:mute-status': (status: MuteStatus) => void;
  'call:video-status': (status: VideoStatus) => void;
  'call:signal': (signal: Payload<'call:signal'>) => void;
  'call:error': (error: Omit<Refusal, 'success'>) => void;
  'call:server-shutdown': (notice: { reconnectInMs: number }) => void;
}

export type ServerEvent = keyof ServerToClientEvents;

/** Every event that the server may send, for those who list them; the type holds it complete. */
export const serverEvents = Object.keys({
  'call:ice-servers': 0,
  'call:peers-list': 0,
  'call:peer-joined': 0,
  'call:peer-left': 0,
  'call:peer-reconnecting': 0,
  'call:peer-reconnected': 0,
  'call:peer-status': 0,
  'call:peer-renamed': 0,
  'call:mute-status': 0,
  'call:video-status': 0,
  'call:signal': 0,
  'call:error': 0,
  'call:server-shutdown': 0,
} satisfies Record<ServerEvent, 0>) as ServerEvent[];

// ---- REST: the `data` of each answer ------------------------------------------------------------------------------

export interface Health {
  status: 'ok';
  service: 'voice-call-server';
  /** ISO 8601. */
  timestamp: string;
  environment: string;
}

export interface Stats {
  /** Calls with at least one participant. */
  activeCalls: number;
  totalUsersInCalls: number;
  maxParticipantsPerCall: number;
  minParticipantsPerCall: number;
  /** Peers connected to the broker, and how many of them are participants of a call. */
  peers: { online: number; inCalls: number };
  uptimeSeconds: number;
}

export interface RoomInfo {
  meetingId: string;
  participants: number;
  /** `active` from `MIN_PARTICIPANTS` on. */
  status: 'waiting' | 'active';
  /** Without peer ids: who knows a peer id can ring it. */
  users: Omit<ParticipantInfo, 'peerId' | 'joinedAt'>[];
}

export interface PeerInfo {
  peerId: string;
  online: boolean;
  /** `null` for a peer that joined no call. */
  userId: string | null;
  username: string | null;
}

export interface ClientConfig {
  /** What `new Peer()` takes. */
  peer: { host: string; port: number; path: string; secure: boolean; key: string };
  socket: { path: string; namespaces: string[] };
  /** Whether browsers give a microphone to pages of the address that was asked: by HTTPS, or on the machine itself. */
  isSecureContext: boolean;
  /** Why they do not, and what to do; `null` when they do. */
  insecureReason: string | null;
  /** Where it is told how to trust the certificate; `null` when there is nothing to do. */
  trustPath: string | null;
  iceServers: IceServer[];
  maxParticipants: number;
  minParticipants: number;
  reconnectGraceMs: number;
}

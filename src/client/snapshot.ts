// What an app sees of a call: plain objects that never change. What changes is a new object, what does not is the same.

import type { LeaveReason } from '../protocol';
import type { CallError } from './errors';

/**
 * `idle` before `join()`; `connecting` while the server has not answered yet (a host that sleeps may need a minute);
 * `joining` while it is asked for a seat; `joined`; `reconnecting` when signaling was lost, while people go on hearing
 * each other; `left` for good.
 */
export type CallState = 'idle' | 'connecting' | 'joining' | 'joined' | 'reconnecting' | 'left';

/** Of the media between two participants: `failed` after several attempts, though it goes on trying. */
export type MediaState = 'connecting' | 'connected' | 'reconnecting' | 'failed';

export type CandidateType = 'host' | 'srflx' | 'prflx' | 'relay';

/** How well somebody is heard, measured every two seconds. */
export interface Quality {
  readonly grade: 'good' | 'fair' | 'poor';
  /** Milliseconds; undefined until measured. */
  readonly roundTripMs: number | undefined;
  /** Milliseconds. */
  readonly jitterMs: number;
  /** Of their audio packets, from 0 to 1, in the last interval. */
  readonly loss: number;
  /** How the path in use begins at our end and at theirs: RFC 8445's types of candidates. */
  readonly localCandidate: CandidateType | undefined;
  readonly remoteCandidate: CandidateType | undefined;
  readonly protocol: 'udp' | 'tcp' | undefined;
}

/** Somebody else in the call. */
export interface Participant {
  readonly userId: string;
  readonly peerId: string;
  readonly username: string;
  readonly isMuted: boolean;
  readonly isVideoOn: boolean;
  readonly isSpeaking: boolean;
  /** From 0 to 1, in tenths. */
  readonly audioLevel: number;
  /** Whether they lost the server; they may still be heard. */
  readonly isReconnecting: boolean;
  readonly connection: MediaState;
  readonly quality: Quality | undefined;
  /** Their audio, which plays by itself, and video: show it in a muted `<video>`. */
  readonly stream: MediaStream | undefined;
}

/** A microphone or a camera of ours. */
export interface Device {
  readonly status: 'off' | 'opening' | 'on' | 'failed';
  readonly deviceId: string | undefined;
  readonly label: string | undefined;
  /** Whether the operating system or the browser mutes the device, as during a phone call. */
  readonly isInterrupted: boolean;
  /** Why it failed. */
  readonly error: CallError | undefined;
}

/** Ourselves. */
export interface Self {
  readonly userId: string;
  readonly peerId: string;
  readonly username: string;
  readonly isMuted: boolean;
  readonly isVideoOn: boolean;
  /** Also while muted, so that an app can say so. */
  readonly isSpeaking: boolean;
  /** From 0 to 1, in tenths. */
  readonly audioLevel: number;
  readonly microphone: Device;
  readonly camera: Device;
  /** Microphone and camera, as far as they are on. */
  readonly stream: MediaStream | undefined;
}

/** A call at a moment. */
export interface Snapshot {
  readonly meetingId: string;
  readonly state: CallState;
  readonly self: Self;
  /** In the order in which they came. */
  readonly participants: readonly Participant[];
  /** How the server is reached. */
  readonly signaling: 'websocket' | 'polling' | 'offline';
  /** Whether the PeerJS broker is connected, by which new people find us. */
  readonly isBrokerOpen: boolean;
  /** Whether the browser waits for a click before it plays anybody: `resumeAudio()` in its handler. */
  readonly isAudioBlocked: boolean;
  /** Why the call ended, if not by `leave()`. */
  readonly error: CallError | undefined;
}

export interface CallEvents {
  state: (state: CallState, previous: CallState) => void;
  'participant-joined': (participant: Participant) => void;
  'participant-left': (participant: Participant, reason: LeaveReason) => void;
  'participant-changed': (participant: Participant, previous: Participant) => void;
  'self-changed': (self: Self, previous: Self) => void;
  /** Anything at all changed; once for all that changed in the same moment. */
  change: (snapshot: Snapshot) => void;
  /** Something went wrong that does not end the call, or what ended it. */
  error: (error: CallError) => void;
  'audio-blocked': () => void;
  /** A microphone or camera in use is gone. Another microphone takes its place if there is one. */
  'device-lost': (kind: 'microphone' | 'camera') => void;
  /** Devices were plugged in or out: `listDevices()` tells which there are now. */
  'devices-changed': () => void;
}

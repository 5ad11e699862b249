// What a component is given of its call: a plain object that never changes, of what is and what can be done.

import type { Call, CallError, CallOptions, CallState, GivenMedia, Participant, Self, Snapshot } from '../client';

export interface VoiceCallOptions extends Omit<CallOptions, 'meetingId' | 'userId' | 'username' | 'signal'> {
  /** Joins as soon as the component is there and both ids are known. It leaves when the component goes, in any case. */
  autoJoin?: boolean;
}

/** None of these rejects: what goes wrong is in `error`. They stay the same functions as long as the component is there. */
export interface VoiceCallActions {
  /** Settles when joined, or when that failed or was called off. */
  readonly joinVoiceCall: () => Promise<void>;
  readonly leaveVoiceCall: () => Promise<void>;
  readonly toggleMute: () => Promise<void>;
  readonly toggleVideo: () => Promise<void>;
  readonly chooseMicrophone: (choice?: string | GivenMedia | null) => Promise<void>;
  readonly chooseCamera: (choice?: string | GivenMedia | null) => Promise<void>;
  readonly chooseSpeaker: (deviceId?: string | null) => Promise<void>;
  /** Call it in the handler of a click, when `isAudioBlocked`. */
  readonly resumeAudio: () => Promise<void>;
  /** Tries again at once to reach whom we do not hear: one of them, or all. */
  readonly redial: (userId?: string) => void;
  readonly dismissError: () => void;
}

export interface VoiceCall extends VoiceCallActions {
  /** Whether signaling stands. */
  readonly isConnected: boolean;
  /** Whether we have a seat; it is kept while signaling is lost. */
  readonly isInCall: boolean;
  readonly isMuted: boolean;
  readonly isVideoOn: boolean;
  /** The others, in the order in which they came. */
  readonly participants: readonly Participant[];
  /** A sentence to show; null when there is nothing to say. */
  readonly connectionError: string | null;
  readonly localStream: MediaStream | null;
  /** By user id. Their audio plays by itself; video belongs in a muted `<video>`. */
  readonly remoteStreams: ReadonlyMap<string, MediaStream>;
  readonly state: CallState;
  readonly self: Self | null;
  /** What `connectionError` says, with its code. It goes when it is no longer true, or at the next attempt. */
  readonly error: CallError | null;
  readonly isAudioBlocked: boolean;
  readonly snapshot: Snapshot | null;
  /** The call itself, for its events; a new one for each joining, and null before the first. */
  readonly call: Call | null;
}

const NOBODY: readonly Participant[] = [];
const NO_STREAMS: ReadonlyMap<string, MediaStream> = new Map();

/** @param previous - what of it still holds is taken over, so that it stays the same object for effects and memos. */
export function describe(
  actions: VoiceCallActions,
  call: Call | null = null,
  error: CallError | null = null,
  previous?: VoiceCall,
): VoiceCall {
  const snapshot = call?.snapshot ?? null;
  const state = snapshot?.state ?? 'idle';
  const self = snapshot?.self ?? null;
  const participants = snapshot?.participants ?? NOBODY;
  return {
    ...actions,
    isConnected: snapshot !== null && snapshot.signaling !== 'offline',
    isInCall: state === 'joined' || state === 'reconnecting',
    isMuted: self?.isMuted ?? true,
    isVideoOn: self?.isVideoOn ?? false,
    participants,
    connectionError: error?.message ?? null,
    localStream: self?.stream ?? null,
    remoteStreams: streamsOf(participants, previous?.remoteStreams ?? NO_STREAMS),
    state,
    self,
    error,
    isAudioBlocked: snapshot?.isAudioBlocked ?? false,
    snapshot,
    call,
  };
}

function streamsOf(
  participants: readonly Participant[],
  previous: ReadonlyMap<string, MediaStream>,
): ReadonlyMap<string, MediaStream> {
  const streams = new Map(participants.flatMap(({ userId, stream }) => (stream ? [[userId, stream]] : [])));
  const isSame = streams.size === previous.size && [...streams].every(([id, stream]) => previous.get(id) === stream);
  return isSame ? previous : streams;
}

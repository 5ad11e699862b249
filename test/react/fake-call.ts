// A call in which happens what a test says, and nothing else.

import type { CallOptions } from '../../src/client';
import { Emitter } from '../../src/client/emitter';
import type { CallEvents, Device, Participant, Self, Snapshot } from '../../src/client/snapshot';

const OFF: Device = { status: 'off', deviceId: undefined, label: undefined, isInterrupted: false, error: undefined };

export class Call {
  /** All that were made, in order. */
  static readonly made: Call[] = [];
  readonly options: CallOptions;
  snapshot: Snapshot;
  /** What the next command rejects with. */
  mishap: unknown;
  readonly #events = new Emitter<CallEvents>();

  constructor(options: CallOptions) {
    this.options = options;
    const { meetingId, userId, username = 'Anonymous' } = options;
    const self: Self = { ...somebody(userId), username, isMuted: true, microphone: OFF, camera: OFF };
    this.snapshot = {
      meetingId,
      state: 'idle',
      self,
      participants: [],
      signaling: 'offline',
      isBrokerOpen: false,
      isAudioBlocked: false,
      error: undefined,
    };
    Call.made.push(this);
  }

  static get last(): Call {
    const last = Call.made.at(-1);
    if (!last) throw new Error('no call was made');
    return last;
  }

  get state() {
    return this.snapshot.state;
  }

  get self() {
    return this.snapshot.self;
  }

  on<E extends keyof CallEvents>(event: E, listener: CallEvents[E]) {
    return this.#events.on(event, listener);
  }

  emit<E extends keyof CallEvents>(event: E, ...args: Parameters<CallEvents[E]>) {
    this.#events.emit(event, ...args);
  }

  become(changes: Partial<Snapshot>) {
    this.snapshot = { ...this.snapshot, ...changes };
    this.emit('change', this.snapshot);
  }

  join() {
    this.become({ state: 'joined' });
    return this.#obey();
  }

  leave() {
    this.become({ state: 'left' });
    return this.#obey();
  }

  /** The name of the last rename. */
  renamedTo: string | undefined;
  rename = (username: string) => {
    this.renamedTo = username;
    return this.#obey();
  };
  unmute = () => this.#obey();
  mute = () => this.#obey();
  chooseMicrophone = () => this.#obey();

  #obey(): Promise<void> {
    const { mishap } = this;
    this.mishap = undefined;
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    return mishap === undefined ? Promise.resolve() : Promise.reject(mishap);
  }
}

export const somebody = (userId: string, changes: Partial<Participant> = {}): Participant => ({
  userId,
  peerId: `peer-${userId}`,
  username: userId,
  isMuted: true,
  isVideoOn: false,
  isSpeaking: false,
  audioLevel: 0,
  isReconnecting: false,
  connection: 'connected',
  quality: undefined,
  stream: undefined,
  ...changes,
});

export const on = (self: Self): Self => ({ ...self, microphone: { ...OFF, status: 'on' } });

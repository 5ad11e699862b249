// The calls of one component, one at a time, as a store outside of React.

import { Call, CallError, type CallOptions, type DeviceKind, type Snapshot } from '../client';
import { describe, type VoiceCall, type VoiceCallActions, type VoiceCallOptions } from './voice-call';

/** In which call, and as whom. Another one means another call. */
export type Seat = Readonly<Pick<CallOptions, 'meetingId' | 'userId'>>;

export class CallStore {
  /** Of the next joining; the call that is under way keeps its own. */
  options: VoiceCallOptions;
  /** What there is to see outside of any call, and on a server. */
  readonly idle: VoiceCall;
  readonly #listeners = new Set<() => void>();
  readonly #actions: VoiceCallActions;
  #seat: Seat;
  #username: string | undefined;
  #view: VoiceCall;
  #call: Call | null = null;
  /** Of the call that we are in, or are about to be in. */
  #joining: Promise<void> | undefined;
  #unsubscribe: (() => void)[] = [];
  /** Whether we mean to be in a call, also while the component is not there or changes to another call. */
  #isWanted = false;
  #isMounted = false;

  /** Opens nothing, because React makes components that it never shows. */
  constructor({ username, ...seat }: Seat & Pick<CallOptions, 'username'>, options: VoiceCallOptions) {
    this.#seat = seat;
    this.#username = username;
    this.options = options;
    this.#actions = {
      joinVoiceCall: () => this.#join(),
      leaveVoiceCall: () => this.#leave(),
      toggleMute: () => this.#attempt((call) => (call.self.isMuted ? call.unmute() : call.mute())),
      toggleVideo: () => this.#attempt((call) => call.setCamera(!call.self.isVideoOn)),
      chooseMicrophone: (choice) => this.#attempt((call) => call.chooseMicrophone(choice)),
      chooseCamera: (choice) => this.#attempt((call) => call.chooseCamera(choice)),
      chooseSpeaker: (deviceId) => this.#attempt((call) => call.chooseSpeaker(deviceId)),
      resumeAudio: () => this.#attempt((call) => call.resumeAudio()),
      redial: (userId) => this.#call?.redial(userId),
      dismissError: () => this.#show(null),
    };
    this.idle = this.#view = describe(this.#actions);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** What there is to see for a component in this seat. React may ask for the next seat before it has left the last. */
  viewFor(seat: Seat): VoiceCall {
    return isSame(seat, this.#seat) ? this.#view : this.idle;
  }

  /** The component is there, in this seat; gives back how it goes. */
  mount(seat: Seat): () => void {
    this.#seat = seat;
    this.#isMounted = true;
    if (this.#isWanted) this.joinSoon();
    return () => {
      this.#isMounted = false;
      void this.#letGo()?.leave();
      this.#show(null);
    };
  }

  /** Changes the name, also of the call under way; a failure is shown as an error. */
  rename(username: string | undefined): void {
    if (username === this.#username) return;
    this.#username = username;
    void this.#attempt((call) => call.rename(username ?? 'Anonymous'));
  }

  /** Joins if the component is still there in a moment: StrictMode mounts it twice in one go, and means the second. */
  joinSoon(): void {
    this.#isWanted = true;
    queueMicrotask(() => {
      if (this.#isWanted) void this.#join();
    });
  }

  #join(): Promise<void> {
    this.#isWanted = true;
    // Nobody would leave it again. If the component comes back, it joins then.
    if (!this.#isMounted) return Promise.resolve();
    if (this.#call?.state === 'left') this.#joining = undefined;
    return (this.#joining ??= this.#joinAnew());
  }

  async #joinAnew(): Promise<void> {
    this.#letGo();
    const call = new Call({ ...this.options, ...this.#seat, username: this.#username });
    this.#call = call;
    this.#unsubscribe = [
      call.on('change', () => this.#changed(call)),
      call.on('error', (error) => this.#failed(call, error)),
    ];
    this.#show(null);
    await call.join().catch((error: unknown) => this.#failed(call, error));
  }

  async #leave(): Promise<void> {
    this.#isWanted = false;
    await this.#call?.leave();
  }

  /** A call that we no longer hear of. */
  #letGo(): Call | null {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    const call = this.#call;
    this.#call = null;
    this.#joining = undefined;
    return call;
  }

  async #attempt(action: (call: Call) => Promise<void>): Promise<void> {
    const call = this.#call;
    if (!call || call.state === 'left') return;
    // What we fail to do ourselves is said until we try again; whom we fail to reach stays so meanwhile.
    if (this.#view.error?.userId === undefined) this.#show(null);
    await action(call).catch((error: unknown) => this.#failed(call, error));
  }

  #changed({ snapshot }: Call): void {
    if (snapshot.state === 'left') this.#isWanted = false;
    const { error, snapshot: before } = this.#view;
    this.#show(snapshot.error ?? (error && isOver(error, before, snapshot) ? null : error));
  }

  #failed(call: Call, error: unknown): void {
    if (!(error instanceof CallError)) throw error;
    // Who called it off knows.
    if (call === this.#call && error.code !== 'ABORTED') this.#show(error);
  }

  #show(error: VoiceCall['error']): void {
    const { call, snapshot, error: shown } = this.#view;
    if (call === this.#call && snapshot === (this.#call?.snapshot ?? null) && error === shown) return;
    this.#view = this.#call ? describe(this.#actions, this.#call, error, this.#view) : this.idle;
    for (const listener of this.#listeners) listener();
  }
}

/** Whether what an error says is no longer so: they are reached after all, or the device was opened. */
function isOver({ code, userId }: CallError, before: Snapshot | null, { participants, self }: Snapshot): boolean {
  // The default device is in use until the chosen one is back, or another one is chosen.
  const isExchanged = (kind: DeviceKind) =>
    before?.self[kind].status === 'on' && before.self[kind].deviceId !== self[kind].deviceId;
  if (code === 'MIC_FALLBACK') return isExchanged('microphone');
  if (code === 'CAMERA_FALLBACK') return isExchanged('camera');
  // A device in use stays so when another one cannot be opened in its place.
  const isOpened = (kind: DeviceKind) => before?.self[kind].status !== 'on' && self[kind].status === 'on';
  if (code === 'ICE_FAILED') return participants.find((other) => other.userId === userId)?.connection !== 'failed';
  return (code.startsWith('MIC_') && isOpened('microphone')) || (code.startsWith('CAMERA_') && isOpened('camera'));
}

const isSame = (a: Seat, b: Seat) => a.meetingId === b.meetingId && a.userId === b.userId;

// One call of ours, from joining to leaving, as an app sees it: commands, events, and snapshots that never change.

import { addressOf } from './address';
import { onDevicesChanged, requireSpeaker, type DeviceChoice, type DeviceKind, type GivenMedia } from './devices';
import { Emitter } from './emitter';
import { CallError, localError } from './errors';
import { OwnMedia } from './own-media';
import { isSame } from './roster';
import { Session } from './session';
import type { CallEvents, CallState, Participant, Self, Snapshot } from './snapshot';

const JOIN_MS = 90_000;
/** How long dialing waits for the microphone: once it is allowed, browsers give addresses instead of mDNS names. */
const MICROPHONE_MS = 500;
const LISTEN_MS = 100;

export interface CallOptions {
  /**
   * URL of the call server; the default is the page's own origin. A path prefix is kept: `https://app.example/calls`.
   * `ws:` and `wss:` mean the same as `http:` and `https:`.
   */
  url?: string | URL | undefined;
  /** The server's option `socketPath`, if it has one. A path prefix of `url` comes before it. */
  socketPath?: string | undefined;
  meetingId: string;
  userId: string;
  /** What the others see; `Anonymous` unless given. */
  username?: string | undefined;
  /**
   * `false` to listen only; or which microphone: a device id, constraints, or a track or stream of your own, which the
   * SDK never stops. It is opened on join, and muted.
   */
  audio?: DeviceChoice;
  /** Which camera: a device id, constraints, or a track or stream of your own. It is off until `setCamera(true)`. */
  video?: Exclude<DeviceChoice, boolean>;
  /** Which speaker, by device id. While it is not available, the default speaker is used. */
  speaker?: string | null | undefined;
  /** Goes before what the server says: other `iceServers`, or `iceTransportPolicy: 'relay'`. */
  rtcConfiguration?: RTCConfiguration | undefined;
  /** How long `join()` tries, in milliseconds. 90 s unless given: a host that sleeps may need one minute. */
  timeoutMs?: number | undefined;
  /** Calls joining off, and leaves. */
  signal?: AbortSignal | undefined;
}

/** The calls that `joinCall` made on this page and that have not ended, by server, meeting and user. */
const calls = new Map<string, Call>();

/**
 * Joins a call, or returns the call that this page already joins or has joined with the same server, meeting and user.
 * The options of the first request apply; the `signal` of each request leaves the call.
 *
 * Rejects with a {@link CallError}: the server's refusal, `INVALID_URL`, `TIMEOUT`, `ABORTED` or `UNSUPPORTED_BROWSER`.
 */
export async function joinCall(options: CallOptions): Promise<Call> {
  const { url, socketPath, meetingId, userId, signal } = options;
  if (signal?.aborted) throw localError('ABORTED');
  const key = JSON.stringify([addressOf(url, socketPath), meetingId, userId]);
  const present = calls.get(key);
  if (present) {
    signal?.addEventListener('abort', () => void present.leave(), { once: true });
    return present.join();
  }
  const call = new Call(options);
  calls.set(key, call);
  call.on('state', (state) => {
    if (state === 'left') calls.delete(key);
  });
  return call.join();
}

const NOBODY: readonly Participant[] = [];

export class Call {
  readonly #options: CallOptions;
  #username: string;
  readonly #events = new Emitter<CallEvents>();
  readonly #media: OwnMedia;
  readonly #undoing = new AbortController();
  #state: CallState = 'idle';
  #error: CallError | undefined;
  #session: Session | undefined;
  #joining: Promise<this> | undefined;
  #speaker: string;
  #self: Self;
  #snapshot: Snapshot;
  #isStale = false;
  #isTouched = false;

  constructor(options: CallOptions) {
    this.#options = options;
    this.#username = options.username ?? 'Anonymous';
    this.#speaker = options.speaker ?? '';
    this.#media = new OwnMedia(
      { audio: options.audio, video: options.video },
      {
        changed: () => this.#mediaChanged(),
        heard: () => this.#selfChanged(),
        lost: (kind) => this.#events.emit('device-lost', kind),
        failed: (error) => this.#events.emit('error', error),
      },
    );
    this.#self = this.#selfNow();
    this.#snapshot = this.#snapshotNow();
  }

  get state(): CallState {
    return this.#state;
  }

  get self(): Self {
    return this.#self;
  }

  /** The others, in the order in which they came. */
  get participants(): readonly Participant[] {
    return this.snapshot.participants;
  }

  /** The whole call at this moment: the same object until something changes. */
  get snapshot(): Snapshot {
    if (this.#isStale) this.#snapshot = this.#snapshotNow();
    this.#isStale = false;
    return this.#snapshot;
  }

  /** Adds a listener and gives back its undo. */
  on<E extends keyof CallEvents>(event: E, listener: CallEvents[E]): () => void {
    return this.#events.on(event, listener);
  }

  /** Tells the listener how the call is, now and after every change. Gives back its end. */
  watch(listener: (snapshot: Snapshot) => void): () => void {
    listener(this.snapshot);
    return this.on('change', listener);
  }

  /**
   * Takes a seat, and settles when we have it. Rejects with a {@link CallError}. A call is joined once; after leaving
   * make a new one.
   */
  join(): Promise<this> {
    return (this.#joining ??= this.#join());
  }

  // ---- Speaking and being seen -------------------------------------------------------------------------------------

  /** From the moment of this call on, nobody is sent a sound. */
  mute(): Promise<void> {
    this.#media.stop('microphone');
    return Promise.resolve();
  }

  /**
   * Settles when we can be heard. Opens the microphone if it is not open, and rejects with `MIC_DENIED`, `MIC_NOT_FOUND`,
   * `MIC_IN_USE` or `INSECURE_CONTEXT` if that fails.
   */
  unmute(): Promise<void> {
    return this.#start('microphone');
  }

  /** Rejects with `CAMERA_DENIED`, `CAMERA_NOT_FOUND`, `CAMERA_IN_USE` or `INSECURE_CONTEXT`. */
  async setCamera(isOn: boolean): Promise<void> {
    if (isOn) await this.#start('camera');
    else this.#media.stop('camera');
  }

  /**
   * Exchanges the microphone for another device, or for a track or stream of your own; `''` and null are the default device. If it
   * cannot be opened, the present one stays, and this rejects.
   */
  async chooseMicrophone(choice?: string | GivenMedia | null): Promise<void> {
    await this.#media.choose('microphone', choice);
  }

  /** The same for the camera. */
  async chooseCamera(choice?: string | GivenMedia | null): Promise<void> {
    await this.#media.choose('camera', choice);
  }

  /**
   * Plays all participants on this speaker; `''` and null are the default one. Rejects with `SPEAKER_NOT_FOUND` or
   * `SPEAKER_DENIED`, and the present speaker stays. Browsers without a choice of speakers ignore it.
   */
  async chooseSpeaker(deviceId?: string | null): Promise<void> {
    const speaker = deviceId ?? '';
    await (this.#session ? this.#session.playback.choose(speaker) : requireSpeaker(speaker));
    this.#speaker = speaker;
  }

  /** Plays everybody after the browser blocked it. Call it in the handler of a click. */
  async resumeAudio(): Promise<void> {
    await this.#session?.playback.resume();
  }

  /**
   * Changes the name that the others see; before joining, the name to join with. Resolves when the server has changed it.
   * Rejects with the server's code, or with `TIMEOUT` if the server does not answer.
   */
  async rename(username: string): Promise<void> {
    if (this.#session) await this.#session.rename(username);
    else this.#renamed(username);
  }

  // ---- The connection ----------------------------------------------------------------------------------------------

  /** Tries at once to connect media with one participant, or with all with whom there is none. */
  redial(userId?: string): void {
    this.#session?.redial(userId);
  }

  /** Nobody hears us any more when this returns; settles when the server knows. */
  async leave(): Promise<void> {
    const session = this.#end();
    await session?.leave();
  }

  async #join(): Promise<this> {
    const { signal, timeoutMs = JOIN_MS, audio } = this.#options;
    if (signal?.aborted || this.#state === 'left') throw localError('ABORTED');
    if (!('RTCPeerConnection' in globalThis)) throw this.#fail(localError('UNSUPPORTED_BROWSER'));

    this.#setState('connecting');
    const session = this.#openSession();
    this.#session = session;
    this.#listen();
    if (audio === false) session.open();
    else void this.#openMicrophone(session);
    return this.#joined(timeoutMs);
  }

  /** Throws a {@link CallError} and ends the call when the URL is invalid, or the browser blocks connections to it. */
  #openSession(): Session {
    const { url, socketPath, meetingId, userId, rtcConfiguration } = this.#options;
    try {
      const address = addressOf(url, socketPath);
      const identity = { meetingId, userId, username: this.#username };
      return new Session(
        { address, identity, rtcConfiguration, speaker: this.#speaker },
        {
          stateChanged: (state) => this.#setState(state),
          renamed: (username) => this.#renamed(username),
          connectionChanged: () => this.#connectionChanged(),
          joined: (participant) => this.#changed('participant-joined', participant),
          left: (participant, reason) => this.#changed('participant-left', participant, reason),
          changed: (participant, previous) => this.#changed('participant-changed', participant, previous),
          failed: (error) => this.#events.emit('error', error),
          ended: (error) => this.#fail(error),
        },
      );
    } catch (cause) {
      // `new WebSocket()` throws a `SecurityError` for mixed content and for blocked ports.
      throw this.#fail(cause instanceof CallError ? cause : localError('INVALID_URL', { cause }));
    }
  }

  /** Settles with the first of: joined, failed, left, time is up. */
  #joined(timeoutMs: number): Promise<this> {
    return new Promise((resolve, reject) => {
      const timeout = setTimeout(() => this.#fail(localError('TIMEOUT')), timeoutMs);
      const off = this.on('state', (state) => {
        if (state !== 'joined' && state !== 'left') return;
        clearTimeout(timeout);
        off();
        if (state === 'joined') resolve(this);
        else reject(this.#error ?? localError('ABORTED'));
      });
    });
  }

  #listen(): void {
    const { signal } = this.#undoing;
    const offDevices = onDevicesChanged(() => {
      this.#media.devicesChanged();
      void this.#session?.playback.refreshSpeaker();
      this.#events.emit('devices-changed');
    });
    const listening = setInterval(() => this.#media.listen(), LISTEN_MS);
    signal.addEventListener('abort', () => {
      offDevices();
      clearInterval(listening);
    });
    // A page that goes away says so, and does not wait for anybody.
    window.addEventListener('pagehide', () => this.#end()?.close(), { signal });
    this.#options.signal?.addEventListener('abort', () => void this.leave(), { signal });
  }

  async #openMicrophone(session: Session): Promise<void> {
    const timer = setTimeout(() => session.open(), MICROPHONE_MS);
    try {
      await this.#media.openMicrophone();
    } catch (error) {
      // Listening works without.
      if (this.#session) this.#events.emit('error', error as CallError);
    } finally {
      clearTimeout(timer);
      session.open();
    }
  }

  #fail(error: CallError): CallError {
    this.#error = error;
    this.#end()?.close();
    this.#events.emit('error', error);
    return error;
  }

  /** Ends what joining began, aside from the session, which it gives back to be told goodbye. */
  #end(): Session | undefined {
    const session = this.#session;
    this.#session = undefined;
    this.#undoing.abort();
    this.#media.close();
    this.#setState('left');
    return session;
  }

  async #start(kind: DeviceKind): Promise<void> {
    this.#requireSession();
    await this.#media.start(kind);
    // The call may have ended while the browser was asking.
    this.#requireSession();
  }

  #renamed(username: string): void {
    this.#username = username;
    this.#selfChanged();
  }

  #requireSession(): void {
    if (!this.#session) throw new CallError('NOT_IN_CALL', 'Join the call first.');
  }

  /** Sends, tells and shows what holds now. */
  #mediaChanged(): void {
    const microphone = this.#media.outgoing('microphone');
    const camera = this.#media.outgoing('camera');
    this.#session?.send('microphone', microphone);
    this.#session?.send('camera', camera);
    this.#session?.tell({ isMuted: !microphone, isVideoOn: camera !== undefined });
    this.#selfChanged();
  }

  // ---- What the app sees -------------------------------------------------------------------------------------------

  #setState(state: CallState): void {
    const previous = this.#state;
    if (state === previous || previous === 'left') return;
    this.#state = state;
    this.#selfChanged();
    this.#changed('state', state, previous);
  }

  #connectionChanged(): void {
    const wasBlocked = this.#snapshot.isAudioBlocked;
    this.#touch();
    if (!wasBlocked && this.snapshot.isAudioBlocked) this.#events.emit('audio-blocked');
  }

  #selfChanged(): void {
    const previous = this.#self;
    const self = this.#selfNow();
    if (isSame(previous, self)) return;
    this.#self = self;
    this.#changed('self-changed', self, previous);
  }

  #changed<E extends keyof CallEvents>(event: E, ...args: Parameters<CallEvents[E]>): void {
    this.#touch();
    this.#events.emit(event, ...args);
  }

  /** One `change` for all that changes in the same moment. */
  #touch(): void {
    if (!this.#isTouched)
      queueMicrotask(() => {
        this.#isTouched = false;
        this.#events.emit('change', this.snapshot);
      });
    this.#isStale = this.#isTouched = true;
  }

  #selfNow(): Self {
    const { userId } = this.#options;
    return {
      userId,
      peerId: this.#session?.peerId ?? '',
      username: this.#username,
      isMuted: !this.#media.isOn('microphone'),
      isVideoOn: this.#media.isOn('camera'),
      ...this.#media.voice,
      microphone: this.#media.device('microphone'),
      camera: this.#media.device('camera'),
      stream: this.#media.stream,
    };
  }

  #snapshotNow(): Snapshot {
    const session = this.#session;
    return {
      meetingId: this.#options.meetingId,
      state: this.#state,
      self: this.#self,
      participants: session?.roster.all() ?? NOBODY,
      signaling: session?.signaling ?? 'offline',
      isBrokerOpen: session?.isBrokerOpen ?? false,
      isAudioBlocked: session?.playback.isBlocked ?? false,
      error: this.#error,
    };
  }
}

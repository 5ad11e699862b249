// Our own voice and picture: which devices are open, what goes out of them, and how loud we are.

import { Capture } from './capture';
import type { DeviceChoice, DeviceKind, GivenMedia } from './devices';
import { localError, type CallError } from './errors';
import { AmplitudeMeter, VoiceDetector, type Voice } from './level';

const SILENCE: Voice = { audioLevel: 0, isSpeaking: false };

export interface OwnMediaOptions {
  audio: DeviceChoice;
  video: DeviceChoice;
}

export interface OwnMediaListener {
  /** A device, or what goes out of it, is another now. */
  changed(): void;
  /** How loud we are was measured. */
  heard(): void;
  lost(kind: DeviceKind): void;
  /** No other microphone could replace one that was lost, or the default device replaces a chosen one. */
  failed(error: CallError): void;
}

export class OwnMedia {
  readonly #listener: OwnMediaListener;
  readonly #captures: Record<DeviceKind, Capture>;
  readonly #detector = new VoiceDetector();
  /** What the app wants to go out; it does as soon as the device is there. */
  readonly #isWanted: Record<DeviceKind, boolean> = { microphone: false, camera: false };
  #meter: { meter: AmplitudeMeter; track: MediaStreamTrack } | undefined;
  #voice = SILENCE;
  #stream: MediaStream | undefined;

  constructor({ audio, video }: OwnMediaOptions, listener: OwnMediaListener) {
    this.#listener = listener;
    const changed = () => this.#changed();
    this.#captures = {
      microphone: new Capture('microphone', audio, {
        changed,
        lost: () => void this.#microphoneLost(),
        fellBack: () => listener.failed(localError('MIC_FALLBACK')),
      }),
      camera: new Capture('camera', video, {
        changed,
        lost: () => this.#cameraLost(),
        fellBack: () => listener.failed(localError('CAMERA_FALLBACK')),
      }),
    };
  }

  /** Also while muted. */
  get voice(): Voice {
    return this.#voice;
  }

  /** Microphone and camera, as far as they are on; the same stream until they change. */
  get stream(): MediaStream | undefined {
    return this.#stream;
  }

  device(kind: DeviceKind) {
    return this.#captures[kind].device;
  }

  /** Whether the user wants to be heard or seen and the device is open; an interruption does not change it. */
  isOn(kind: DeviceKind): boolean {
    return this.#isWanted[kind] && this.#captures[kind].track !== undefined;
  }

  /** The track that all participants are sent; undefined while muted, off or interrupted. */
  outgoing(kind: DeviceKind): MediaStreamTrack | undefined {
    return this.isOn(kind) && !this.device(kind).isInterrupted ? this.#captures[kind].track : undefined;
  }

  /** Opens the microphone, and lets nothing out. */
  openMicrophone(): Promise<void> {
    return this.#captures.microphone.open();
  }

  /** Settles when it goes out, or is no longer wanted; rejects when the device cannot be opened. */
  async start(kind: DeviceKind): Promise<void> {
    this.#isWanted[kind] = true;
    try {
      await this.#captures[kind].open();
    } catch (error) {
      this.#isWanted[kind] = false;
      throw error;
    }
    void this.#meter?.meter.resume();
    this.#changed();
  }

  /** Nothing goes out from now on. The microphone stays open, to be there at once; the camera does not. */
  stop(kind: DeviceKind): void {
    this.#isWanted[kind] = false;
    if (kind === 'camera') this.#captures.camera.close();
    this.#changed();
  }

  choose(kind: DeviceKind, choice: string | GivenMedia | null | undefined): Promise<void> {
    return this.#captures[kind].choose(choice);
  }

  /** Devices were plugged in or out. */
  devicesChanged(): void {
    for (const capture of Object.values(this.#captures)) void capture.restore();
  }

  /** To be called ten times a second. */
  listen(): void {
    for (const capture of Object.values(this.#captures)) capture.poll();
    const { track } = this.#captures.microphone;
    if (this.#meter?.track !== track) this.#closeMeter();
    // Before the first click no audio is processed, and browsers complain of the attempt.
    if (track && navigator.userActivation.hasBeenActive)
      this.#meter ??= { meter: new AmplitudeMeter(new MediaStream([track])), track };
    this.#voice = this.#detector.hear(this.#meter?.meter.read() ?? 0);
    this.#listener.heard();
  }

  close(): void {
    this.#isWanted.microphone = this.#isWanted.camera = false;
    this.#captures.microphone.close();
    this.#captures.camera.close();
    this.#closeMeter();
    this.#voice = SILENCE;
    this.#changed();
  }

  #changed(): void {
    const tracks = Object.values(this.#captures).flatMap(({ track }) => track ?? []);
    const known = this.#stream?.getTracks() ?? [];
    if (tracks.length !== known.length || tracks.some((track) => !known.includes(track)))
      this.#stream = tracks.length > 0 ? new MediaStream(tracks) : undefined;
    this.#listener.changed();
  }

  /** Another microphone replaces the lost one, muted or not as before. A track that the app gave is not replaced. */
  async #microphoneLost(): Promise<void> {
    this.#listener.lost('microphone');
    try {
      await this.#captures.microphone.reopen();
    } catch (error) {
      this.stop('microphone');
      this.#listener.failed(error as CallError);
    }
  }

  #cameraLost(): void {
    this.stop('camera');
    this.#listener.lost('camera');
  }

  #closeMeter(): void {
    this.#meter?.meter.close();
    this.#meter = undefined;
  }
}

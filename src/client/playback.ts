// Plays the audio of all participants on elements outside of the page, and detects when the browser does not play it.

import { requireSpeaker } from './devices';
import { localError, type CallError } from './errors';

/** A second pause within this time is left to the user: playing again would fight against whatever pauses. */
const PAUSE_MS = 1000;

export interface PlaybackListener {
  /** `isBlocked` changed. */
  blocked(): void;
  /** The default speaker replaces the chosen one. */
  failed(error: CallError): void;
}

export class Playback {
  readonly #listener: PlaybackListener;
  readonly #elements = new Map<string, HTMLAudioElement>();
  /** Elements that the browser does not play. */
  readonly #blocked = new Set<HTMLAudioElement>();
  /** Device ids; `''` is the default speaker. */
  #choice: string;
  #speaker = '';
  #isFallbackReported = false;
  #wasBlocked = false;
  #isClosed = false;

  constructor(speaker: string, listener: PlaybackListener) {
    this.#choice = speaker;
    this.#listener = listener;
  }

  get isBlocked(): boolean {
    return [...this.#blocked].some(isAudible);
  }

  /** @param key - of the participant; replaces the stream that was played for the same key. */
  play(key: string, stream: MediaStream): void {
    const element = this.#elements.get(key) ?? this.#open(key);
    // Only the audio: an element with video would wait for the first frame.
    element.srcObject = new MediaStream(stream.getAudioTracks());
    for (const track of stream.getAudioTracks()) track.addEventListener('ended', () => this.#update());
    void this.#start(element);
  }

  stop(key: string): void {
    const element = this.#elements.get(key);
    if (!element) return;
    this.#elements.delete(key);
    this.#blocked.delete(element);
    element.pause();
    element.srcObject = null;
    this.#update();
  }

  /** Plays all participants. After autoplay was blocked, it has to be called in the handler of a click. */
  async resume(): Promise<void> {
    await Promise.all([...this.#elements.values()].map((element) => this.#start(element)));
  }

  /** Rejects with `SPEAKER_NOT_FOUND` or `SPEAKER_DENIED`, and the present speaker stays. */
  async choose(speaker: string): Promise<void> {
    await requireSpeaker(speaker);
    this.#choice = speaker;
    this.#isFallbackReported = false;
    await this.#use(speaker);
  }

  /** Uses the chosen speaker if it is available, else the default one. To be called when that may have changed. */
  async refreshSpeaker(): Promise<void> {
    const choice = this.#choice;
    const error = await requireSpeaker(choice).catch((error: unknown) => error as CallError);
    if (choice !== this.#choice || this.#isClosed) return;
    await this.#use(error ? '' : choice);
    // A speaker that is denied may be allowed together with the microphone.
    if (error?.code === 'SPEAKER_NOT_FOUND' && !this.#isFallbackReported)
      this.#listener.failed(localError('SPEAKER_FALLBACK', { cause: error }));
    this.#isFallbackReported = error?.code === 'SPEAKER_NOT_FOUND';
  }

  close(): void {
    this.#isClosed = true;
    for (const key of [...this.#elements.keys()]) this.stop(key);
  }

  #open(key: string): HTMLAudioElement {
    const element = new Audio();
    this.#elements.set(key, element);
    void this.#direct(element);
    let pausedAt = -Infinity;
    // Headsets, media keys and phone calls pause elements.
    element.addEventListener('pause', () => {
      const isRepeated = performance.now() - pausedAt < PAUSE_MS;
      pausedAt = performance.now();
      if (this.#elements.get(key) !== element || !element.paused || !isAudible(element)) return;
      if (isRepeated) this.#setBlocked(element, true);
      else void this.#start(element);
    });
    element.addEventListener('playing', () => this.#setBlocked(element, false));
    return element;
  }

  async #start(element: HTMLAudioElement): Promise<void> {
    const { srcObject } = element;
    const isBlocked = await element.play().then(
      () => false,
      () => true,
    );
    // The stream may have been replaced or stopped in the meantime.
    const isCurrent = [...this.#elements.values()].includes(element) && element.srcObject === srcObject;
    if (isCurrent) this.#setBlocked(element, isBlocked && element.paused);
  }

  async #use(speaker: string): Promise<void> {
    this.#speaker = speaker;
    await Promise.all([...this.#elements.values()].map((element) => this.#direct(element)));
  }

  async #direct(element: HTMLAudioElement): Promise<void> {
    // A speaker that is gone is noticed by `refreshSpeaker`.
    if ('setSinkId' in element && element.sinkId !== this.#speaker)
      await element.setSinkId(this.#speaker).catch(() => undefined);
  }

  #setBlocked(element: HTMLAudioElement, isBlocked: boolean): void {
    if (isBlocked) this.#blocked.add(element);
    else this.#blocked.delete(element);
    this.#update();
  }

  #update(): void {
    if (this.isBlocked === this.#wasBlocked) return;
    this.#wasBlocked = this.isBlocked;
    this.#listener.blocked();
  }
}

/** Whether the stream of an element can still be heard. */
const isAudible = ({ srcObject }: HTMLAudioElement) => srcObject instanceof MediaStream && srcObject.active;

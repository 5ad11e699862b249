// Plays everybody, without anything on the page; and knows when the browser does not let it.

export interface PlaybackListener {
  /** The browser waits for a click before it plays anybody, or no longer does. */
  blocked(isBlocked: boolean): void;
}

export class Playback {
  readonly #listener: PlaybackListener;
  readonly #elements = new Map<string, HTMLAudioElement>();
  #speaker: string | undefined;
  #isBlocked = false;

  constructor(speaker: string | undefined, listener: PlaybackListener) {
    this.#speaker = speaker;
    this.#listener = listener;
  }

  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** @param key - whose stream it is; a stream that this one played before is no longer played. */
  play(key: string, stream: MediaStream): void {
    const element = this.#elements.get(key) ?? new Audio();
    this.#elements.set(key, element);
    // Of its audio alone: an element with video would wait for the first picture.
    element.srcObject = new MediaStream(stream.getAudioTracks());
    void this.#direct(element);
    void this.#start(element);
  }

  stop(key: string): void {
    const element = this.#elements.get(key);
    if (!element) return;
    this.#elements.delete(key);
    element.pause();
    element.srcObject = null;
  }

  /** Call it in a handler of a click. */
  async resume(): Promise<void> {
    await Promise.all([...this.#elements.values()].map((element) => this.#start(element)));
  }

  async choose(speaker: string): Promise<void> {
    this.#speaker = speaker;
    await Promise.all([...this.#elements.values()].map((element) => this.#direct(element)));
  }

  close(): void {
    for (const key of [...this.#elements.keys()]) this.stop(key);
  }

  async #start(element: HTMLAudioElement): Promise<void> {
    try {
      await element.play();
      this.#setBlocked(false);
    } catch (error) {
      if (error instanceof Error && error.name === 'NotAllowedError') this.#setBlocked(true);
      // Anything else means that the stream was exchanged or stopped meanwhile.
    }
  }

  async #direct(element: HTMLAudioElement): Promise<void> {
    // Safari on iOS has no choice of loudspeakers; a device that is gone leaves the default.
    if (this.#speaker !== undefined && 'setSinkId' in element)
      await element.setSinkId(this.#speaker).catch(() => undefined);
  }

  #setBlocked(isBlocked: boolean): void {
    if (isBlocked === this.#isBlocked) return;
    this.#isBlocked = isBlocked;
    this.#listener.blocked(isBlocked);
  }
}

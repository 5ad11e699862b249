// How loud somebody is, and whether that is speech.

export interface Voice {
  /** From 0 to 1, in tenths. */
  audioLevel: number;
  isSpeaking: boolean;
}

/** An amplitude that is more than breath and fans. */
const SPEECH = 0.02;
/** How long a pause between words may be, in readings. */
const PAUSE = 5;

/** Speech begins at once and ends after a pause, so that nothing flickers between two words. */
export class VoiceDetector {
  #quiet = PAUSE;

  /** @param amplitude - from 0 to 1, read ten times a second. */
  hear(amplitude: number): Voice {
    this.#quiet = amplitude > SPEECH ? 0 : this.#quiet + 1;
    return { audioLevel: Math.round(loudness(amplitude) * 10) / 10, isSpeaking: this.#quiet < PAUSE };
  }
}

/** Of the linear amplitude that WebRTC measures the root, which ears find more even; both from 0 to 1. */
const loudness = (amplitude: number) => Math.sqrt(Math.min(amplitude, 1));

/** Measures a stream of our own: nobody sends it to us, so WebRTC does not. */
export class AmplitudeMeter {
  readonly #context = new AudioContext();
  readonly #analyser = this.#context.createAnalyser();
  readonly #source: MediaStreamAudioSourceNode;
  readonly #samples = new Float32Array(this.#analyser.fftSize);

  constructor(stream: MediaStream) {
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#source.connect(this.#analyser);
    void this.resume();
  }

  /** Browsers let no audio be processed before the first click; after it this gets it going. */
  async resume(): Promise<void> {
    if (this.#context.state === 'suspended') await this.#context.resume().catch(() => undefined);
  }

  /** The largest amplitude in the last 40 milliseconds, from 0 to 1. */
  read(): number {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return this.#samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
  }

  close(): void {
    this.#source.disconnect();
    void this.#context.close();
  }
}

/** Tells how loud a stream is, from 0 to 1 in hundredths, twenty times a second; gives back its end. */
export function watchLevel(stream: MediaStream, listener: (level: number) => void): () => void {
  const meter = new AmplitudeMeter(stream);
  const timer = setInterval(() => {
    void meter.resume();
    listener(Math.round(loudness(meter.read()) * 100) / 100);
  }, 50);
  return () => {
    clearInterval(timer);
    meter.close();
  };
}

/** Reads how loud a remote track is from the levels that its packets carry (RFC 6464), without decoding statistics. */
export class ReceiverMeter {
  #lastPacket: number | undefined;
  #unchanged = 0;

  read(receiver: RTCRtpReceiver | undefined): number {
    const [source] = receiver?.getSynchronizationSources() ?? [];
    // Who is silent or muted sends nothing: then the last source is still told, with the same packet.
    this.#unchanged = source && source.rtpTimestamp !== this.#lastPacket ? 0 : this.#unchanged + 1;
    this.#lastPacket = source?.rtpTimestamp;
    return this.#unchanged < 3 ? (source?.audioLevel ?? 0) : 0;
  }
}

// The media connection between us and one participant: one at a time, made again when it breaks.

import type { CallOption, MediaConnection } from 'peerjs';
import { backoff } from './backoff';
import type { DeviceKind } from './devices';
import { QualityMeter } from './quality';
import { ReceiverMeter, VoiceDetector, type Voice } from './level';
import type { MediaState, Quality } from './snapshot';

/** How long a step of setting up may take, being answered and being connected, before all is tried anew. */
const STEP_MS = 12_000;
/** How long an interruption may be; WebRTC often gets over it by itself. */
const INTERRUPTION_MS = 3000;
/** How much later the one dials whose turn it is not. */
const PATIENCE_MS = 8000;
/** From how many failures on it is worth telling somebody, and after how many it is given up until something changes. */
const FAILURES_TO_TELL = 3;
const FAILURES_TO_STOP = 20;

/** What a call says of who makes it, so that clients of this kind know each other. */
const METADATA = { client: 'back-call' };

/** What links share, and need. */
export interface LinkHost {
  readonly peerId: string;
  readonly tracks: Readonly<Record<DeviceKind, MediaStreamTrack | null>>;
  /** One audio and one video track, so that both lines are negotiated from the start. */
  readonly placeholders: MediaStream;
  dial(peerId: string, stream: MediaStream, options: CallOption): MediaConnection | undefined;
  sdpTransform(sdp: string): string;
  /** Sets how much may be sent. */
  tune(senders: Readonly<Record<DeviceKind, RTCRtpSender | undefined>>): void;
  /** State or stream of this link changed. */
  changed(link: Link): void;
  /** It could not be connected, several times, although the other side answers. */
  failed(link: Link): void;
  /** The participant did not answer the first call. */
  unanswered(link: Link): void;
}

export class Link {
  readonly userId: string;
  readonly peerId: string;
  readonly #host: LinkHost;
  readonly #levels = new ReceiverMeter();
  readonly #detector = new VoiceDetector();
  #isCaller = false;
  #call: MediaConnection | undefined;
  #connection: RTCPeerConnection | undefined;
  #senders: Record<DeviceKind, RTCRtpSender | undefined> = { microphone: undefined, camera: undefined };
  #qualities = new QualityMeter();
  /** Whether the connection in use is one that we dialed. */
  #isDialed = false;
  /** Whether it is our turn to dial, as soon as the broker is there. */
  #isDue = false;
  #failures = 0;
  #isTold = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #state: MediaState = 'connecting';
  #stream: MediaStream | undefined;

  constructor(userId: string, peerId: string, host: LinkHost) {
    this.userId = userId;
    this.peerId = peerId;
    this.#host = host;
  }

  get state(): MediaState {
    return this.#state;
  }

  get stream(): MediaStream | undefined {
    return this.#stream;
  }

  get isConnected(): boolean {
    return this.#connection?.connectionState === 'connected';
  }

  /** The participant is in the call, for the first time or again; of any two, one is the caller. What stands, stays. */
  start(isCaller: boolean): void {
    this.#isCaller = isCaller;
    this.#failures = 0;
    if (this.isConnected || this.#isSettingUp) return;
    this.#dialIn(isCaller ? 0 : PATIENCE_MS);
  }

  /** Something changed for the better: does not wait any longer, if it is our turn. */
  retry(): void {
    this.#failures = 0;
    if (!this.isConnected && !this.#isSettingUp) this.#dialIn(this.#isCaller ? 0 : PATIENCE_MS);
  }

  /** Dials at once, whoever's turn it is and whatever is there. */
  redial(): void {
    this.#failures = 0;
    this.#dial();
  }

  brokerOpened(): void {
    if (this.#isDue && !this.isConnected) this.#dial();
  }

  /** The other side calls. */
  ring(call: MediaConnection): void {
    if (!this.#yieldsTo(call)) return call.close();
    call.answer(this.#host.placeholders, { sdpTransform: this.#sdpTransform });
    this.#use(call, false);
  }

  send(kind: DeviceKind): void {
    // A connection that was closed meanwhile sends nothing anyway.
    this.#senders[kind]?.replaceTrack(this.#host.tracks[kind]).catch(() => undefined);
  }

  tune(): void {
    if (this.isConnected) this.#host.tune(this.#senders);
  }

  /** How loud they are now, and whether they speak. */
  voice(): Voice {
    const receiver = this.#connection?.getReceivers().find(({ track }) => track.kind === 'audio');
    return this.#detector.hear(this.#levels.read(receiver));
  }

  /** Undefined while there is no connection. */
  async quality(): Promise<Quality | undefined> {
    // Nothing tells of a connection that somebody else on the page closed.
    if (this.#connection?.connectionState === 'closed') this.#lost();
    return this.isConnected && this.#connection ? this.#qualities.read(this.#connection) : undefined;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#isDue = false;
    this.#drop();
  }

  get #isSettingUp(): boolean {
    const state = this.#connection?.connectionState;
    return state === 'new' || state === 'connecting';
  }

  /** Whether a call that comes in takes the place of what is there. */
  #yieldsTo(call: MediaConnection): boolean {
    const isOurKind = (call.metadata as typeof METADATA | undefined)?.client === METADATA.client;
    // Both call at once: both keep the call of the smaller id.
    if (this.#isSettingUp && this.#isDialed) return isOurKind && this.peerId < this.#host.peerId;
    // Our kind calls again only when the connection is broken for it. Others may call although they are being called.
    return isOurKind || !(this.isConnected || this.#isSettingUp);
  }

  #dialIn(ms: number): void {
    clearTimeout(this.#timer);
    if (ms === 0) this.#dial();
    else this.#timer = setTimeout(() => this.#dial(), ms);
  }

  #dial(): void {
    clearTimeout(this.#timer);
    const options = { metadata: METADATA, sdpTransform: this.#sdpTransform };
    const call = this.#host.dial(this.peerId, this.#host.placeholders, options);
    this.#isDue = call === undefined;
    if (call) this.#use(call, true);
  }

  readonly #sdpTransform = (sdp: string) => this.#host.sdpTransform(sdp);

  #use(call: MediaConnection, isDialed: boolean): void {
    this.#drop();
    clearTimeout(this.#timer);
    this.#isDue = false;
    this.#isDialed = isDialed;
    const connection = call.peerConnection;
    this.#call = call;
    this.#connection = connection;
    this.#qualities = new QualityMeter();
    const senderOf = (kind: string) => connection.getSenders().find(({ track }) => track?.kind === kind);
    this.#senders = { microphone: senderOf('audio'), camera: senderOf('video') };
    // Both lines stand for the whole call; what is sent over them is exchanged, and nothing is negotiated again.
    this.send('microphone');
    this.send('camera');

    const isInUse = () => call === this.#call;
    call.on('stream', (stream) => {
      if (!isInUse() || stream === this.#stream) return;
      this.#stream = stream;
      this.#host.changed(this);
    });
    call.on('close', () => isInUse() && this.#lost());
    connection.addEventListener('signalingstatechange', () => isInUse() && this.#isSettingUp && this.#await());
    connection.addEventListener('connectionstatechange', () => isInUse() && this.#moved(connection.connectionState));
    this.#await();
  }

  /** Waits for the next step of setting up. */
  #await(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lost(), STEP_MS);
  }

  #moved(state: RTCPeerConnectionState): void {
    if (state === 'connected') {
      clearTimeout(this.#timer);
      this.#failures = 0;
      this.#isTold = this.#isDue = false;
      this.tune();
      this.#show('connected');
    } else if (state === 'disconnected') {
      this.#dialIn(INTERRUPTION_MS + (this.#isCaller ? 0 : PATIENCE_MS));
      this.#show('reconnecting');
    } else if (state === 'failed' || state === 'closed') this.#lost();
  }

  #lost(): void {
    const isAnswered = this.#connection?.remoteDescription !== null;
    this.#drop();
    this.#failures++;
    if (this.#isDialed && !isAnswered && this.#failures === 1) this.#host.unanswered(this);
    if (this.#failures >= FAILURES_TO_TELL && isAnswered && !this.#isTold) {
      this.#isTold = true;
      this.#host.failed(this);
    }
    if (this.#failures < FAILURES_TO_STOP)
      this.#dialIn(backoff(this.#failures - 1, 30_000) + (this.#isCaller ? 0 : PATIENCE_MS));
    this.#show(this.#failures < FAILURES_TO_TELL ? (this.#stream ? 'reconnecting' : 'connecting') : 'failed');
  }

  /** Closes what is there without hearing of it. */
  #drop(): void {
    const call = this.#call;
    this.#call = undefined;
    this.#connection = undefined;
    this.#senders = { microphone: undefined, camera: undefined };
    call?.close();
  }

  #show(state: MediaState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#host.changed(this);
  }
}

// The links to everybody in the call, and who may ring us.

import type { CallOption, MediaConnection } from 'peerjs';
import type { Broker } from './broker';
import type { DeviceKind } from './devices';
import { Link, type LinkHost } from './link';
import { audioEncodingFor, tuneOpus, videoBitrateFor } from './sdp';

/** How long, and how many, calls may wait of peers of whom signaling has not told yet. */
const STRANGER_MS = 15_000;
const STRANGERS = 32;

export interface MeshListener {
  changed(link: Link): void;
  failed(link: Link): void;
  unanswered(link: Link): void;
}

export class Mesh implements LinkHost {
  readonly tracks: Record<DeviceKind, MediaStreamTrack | null> = { microphone: null, camera: null };
  readonly #broker: Broker;
  readonly #listener: MeshListener;
  readonly #links = new Map<string, Link>();
  readonly #strangers = new Map<string, { call: MediaConnection; timer: ReturnType<typeof setTimeout> }>();
  #isOpen = false;
  /** Its receivers' tracks stand for ours where there is nothing to send. It is never connected to anybody. */
  readonly #source = new RTCPeerConnection();
  readonly placeholders = new MediaStream(
    ['audio', 'video'].map((kind) => this.#source.addTransceiver(kind).receiver.track),
  );

  constructor(broker: Broker, listener: MeshListener) {
    this.#broker = broker;
    this.#listener = listener;
  }

  get peerId(): string {
    return this.#broker.peerId;
  }

  link(userId: string): Link | undefined {
    return this.#links.get(userId);
  }

  links(): Iterable<Link> {
    return this.#links.values();
  }

  /** Somebody is in the call, under this peer id: we call them, or they call us. */
  expect(userId: string, peerId: string, isCaller: boolean): void {
    let link = this.#links.get(userId);
    if (link?.peerId !== peerId) {
      link?.close();
      link = new Link(userId, peerId, this);
      this.#links.set(userId, link);
      this.changed(link);
      this.#tuneAll();
    }
    const stranger = this.#strangers.get(peerId);
    if (stranger) {
      this.#forgetStranger(peerId);
      link.ring(stranger.call);
    }
    link.start(isCaller);
  }

  remove(userId: string): void {
    this.#links.get(userId)?.close();
    this.#links.delete(userId);
    this.#tuneAll();
  }

  /** What we send from now on, to everybody. */
  send(kind: DeviceKind, track: MediaStreamTrack | null): void {
    if (this.tracks[kind] === track) return;
    this.tracks[kind] = track;
    for (const link of this.#links.values()) link.send(kind);
  }

  /** Somebody calls us. Only who is in the call is answered; who is not yet, as far as we know, waits a little. */
  ring(call: MediaConnection): void {
    const link = [...this.#links.values()].find(({ peerId }) => peerId === call.peer);
    if (link) return link.ring(call);
    this.#forgetStranger(call.peer);
    if (this.#strangers.size >= STRANGERS) return call.close();
    const timer = setTimeout(() => {
      this.#strangers.delete(call.peer);
      call.close();
    }, STRANGER_MS);
    this.#strangers.set(call.peer, { call, timer });
  }

  /** From now on links are dialed. */
  open(): void {
    this.#isOpen = true;
    this.brokerOpened();
  }

  brokerOpened(): void {
    for (const link of this.#links.values()) link.brokerOpened();
  }

  close(): void {
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    for (const peerId of [...this.#strangers.keys()]) this.#forgetStranger(peerId);
    this.#source.close();
  }

  // ---- What links ask for ------------------------------------------------------------------------------------------

  dial(peerId: string, stream: MediaStream, options: CallOption): MediaConnection | undefined {
    return this.#isOpen ? this.#broker.call(peerId, stream, options) : undefined;
  }

  sdpTransform(sdp: string): string {
    return tuneOpus(sdp, audioEncodingFor(this.#count));
  }

  tune({ microphone, camera }: Record<DeviceKind, RTCRtpSender | undefined>): void {
    limit(microphone, audioEncodingFor(this.#count).maxBitrate);
    limit(camera, videoBitrateFor(this.#count));
  }

  changed(link: Link): void {
    if (this.#links.get(link.userId) === link) this.#listener.changed(link);
  }

  failed(link: Link): void {
    this.#listener.failed(link);
  }

  unanswered(link: Link): void {
    this.#listener.unanswered(link);
  }

  get #count(): number {
    return this.#links.size + 1;
  }

  #tuneAll(): void {
    for (const link of this.#links.values()) link.tune();
  }

  #forgetStranger(peerId: string): void {
    clearTimeout(this.#strangers.get(peerId)?.timer);
    this.#strangers.delete(peerId);
  }
}

function limit(sender: RTCRtpSender | undefined, maxBitrate: number): void {
  const parameters = sender?.getParameters();
  const [encoding] = parameters?.encodings ?? [];
  if (!sender || !parameters || !encoding || encoding.maxBitrate === maxBitrate) return;
  encoding.maxBitrate = maxBitrate;
  // A connection that was closed meanwhile has nothing to limit.
  sender.setParameters(parameters).catch(() => undefined);
}

// What a call is while it lasts: our seat, our peer, everybody's links and sound; each healed when it breaks.

import type { LeaveReason, Replies } from '../protocol';
import type { Address } from './address';
import { Broker } from './broker';
import type { DeviceKind } from './devices';
import { localError, type CallError } from './errors';
import type { Link } from './link';
import { Mesh } from './mesh';
import { type OutgoingFrame, relayedFrame } from './peerjs-frames';
import { Playback } from './playback';
import { isSame, Roster, type Present, type RosterListener } from './roster';
import { Signaling, type Identity } from './signaling';
import type { CallState } from './snapshot';

/** How long somebody whom the server no longer knows may take to come back, as after its restart. */
const ABSENCE_MS = 15_000;
/** A moment for the news that our peer is online to overtake the older one that it is not. */
const DOUBT_MS = 1000;
/** How often levels are read, and how many times as long as that takes is left for the rest of the page. */
const LEVELS_MS = 100;
const LEVELS_SHARE = 20;
const QUALITY_MS = 2000;
const TELL_AGAIN_MS = 5000;
/** TURN credentials expire, so they are asked for again long before. */
const ICE_SERVERS_MS = 300_000;

export interface SessionOptions {
  address: Address;
  identity: Identity;
  rtcConfiguration: RTCConfiguration | undefined;
  speaker: string;
}

export interface SessionListener extends RosterListener {
  stateChanged(state: Extract<CallState, 'joining' | 'joined' | 'reconnecting'>): void;
  /** The server changed our display name. */
  renamed(username: string): void;
  /** How the server or the broker is reached, or whether sound is blocked. */
  connectionChanged(): void;
  /** Something went wrong that does not end the call. */
  failed(error: CallError): void;
  ended(error: CallError): void;
}

/** What the others are told of our media. */
interface MediaStatus {
  isMuted: boolean;
  isVideoOn: boolean;
}

export class Session {
  readonly roster: Roster;
  readonly playback: Playback;
  readonly #listener: SessionListener;
  readonly #self: { meetingId: string; userId: string };
  readonly #rtcConfiguration: RTCConfiguration | undefined;
  readonly #signaling: Signaling;
  readonly #broker: Broker;
  readonly #mesh: Mesh;
  /** Those whom we know and the server does not, and since when. */
  readonly #absent = new Map<string, number>();
  readonly #intervals: ReturnType<typeof setInterval>[];
  readonly #undoing = new AbortController();
  #levels: ReturnType<typeof setTimeout> | undefined;
  #doubt: ReturnType<typeof setTimeout> | undefined;
  /** When our seat was given to us, as the server tells it: another time is another seat. */
  #joinedAt: string | undefined;
  #brokerOpenedAt = Infinity;
  #wanted: MediaStatus = { isMuted: true, isVideoOn: false };
  #told: MediaStatus | undefined;
  #isTelling = false;
  #later: ReturnType<typeof setTimeout> | undefined;

  constructor({ address, identity, rtcConfiguration, speaker }: SessionOptions, listener: SessionListener) {
    this.#listener = listener;
    this.#self = { meetingId: identity.meetingId, userId: identity.userId };
    this.#rtcConfiguration = rtcConfiguration;
    this.roster = new Roster(listener);
    this.playback = new Playback(speaker, {
      blocked: () => listener.connectionChanged(),
      failed: (error) => listener.failed(error),
    });
    this.#broker = new Broker(address, {
      opened: () => this.#brokerOpened(),
      relaying: () => this.#mesh.brokerOpened(),
      relay: (frame) => this.#relay(frame),
      renamed: () => this.#signaling.takeSeatAgain(),
      closed: () => listener.connectionChanged(),
      called: (call) => this.#mesh.ring(call),
    });
    this.#mesh = new Mesh(this.#broker, {
      changed: (link) => this.#linkChanged(link),
      failed: ({ userId }) => listener.failed(localError('ICE_FAILED', { userId })),
      unanswered: ({ userId, peerId }) => {
        if (this.#broker.isRelayed(peerId) && this.#signaling.transport !== 'offline')
          listener.failed(localError('PEER_UNREACHABLE', { userId }));
      },
    });
    this.#signaling = new Signaling(address, identity, () => this.#broker.claim, {
      connected: () => {
        if (this.#joinedAt === undefined) listener.stateChanged('joining');
        listener.connectionChanged();
      },
      seated: (answer, askedAt) => this.#seated(answer, askedAt),
      lost: () => {
        if (this.#joinedAt !== undefined) listener.stateChanged('reconnecting');
        listener.connectionChanged();
      },
      ended: (error) => listener.ended(error),
      peerIdTaken: () => this.#broker.rename(),
    });
    this.#listen();
    this.#readLevels();
    this.#intervals = [
      setInterval(() => void this.#readQuality(), QUALITY_MS),
      // Who has a seat is told the same again, with new credentials.
      setInterval(() => this.#signaling.takeSeatAgain(), ICE_SERVERS_MS),
    ];
    const wake = () => document.visibilityState === 'visible' && this.#wake();
    window.addEventListener('online', wake, { signal: this.#undoing.signal });
    document.addEventListener('visibilitychange', wake, { signal: this.#undoing.signal });
  }

  get peerId(): string {
    return this.#broker.peerId;
  }

  get signaling(): 'websocket' | 'polling' | 'offline' {
    return this.#signaling.transport;
  }

  get isBrokerOpen(): boolean {
    return this.#broker.isOpen;
  }

  /** From now on links are dialed: the microphone is there, or it is not worth waiting for it any longer. */
  open(): void {
    this.#mesh.open();
    void this.playback.refreshSpeaker();
  }

  /** What everybody gets from us. */
  send(kind: DeviceKind, track: MediaStreamTrack | undefined): void {
    this.#mesh.send(kind, track ?? null);
  }

  /** What everybody is told of it; sooner or later, whatever happens to the connection. */
  tell(status: MediaStatus): void {
    this.#wanted = status;
    void this.#tell();
  }

  /**
   * Changes our display name. Resolves when the server has changed it, rejects with its refusal or with `TIMEOUT`. Later
   * joins use the new name.
   */
  async rename(username: string): Promise<void> {
    const renamed = await this.#signaling.ask('call:rename', { ...this.#self, username });
    this.#signaling.username = renamed.username;
  }

  redial(userId: string | undefined): void {
    for (const link of this.#mesh.links())
      if (userId === undefined ? !link.isConnected : link.userId === userId) link.redial();
  }

  /** Nobody hears us from now on. Settles when the server knows, too. */
  async leave(): Promise<void> {
    this.#closeMedia();
    await this.#signaling.leave();
  }

  /** The same without waiting for anybody. */
  close(): void {
    this.#closeMedia();
    this.#signaling.close();
  }

  #closeMedia(): void {
    this.#undoing.abort();
    for (const interval of this.#intervals) clearInterval(interval);
    clearTimeout(this.#levels);
    clearTimeout(this.#doubt);
    clearTimeout(this.#later);
    this.#mesh.close();
    this.#broker.close();
    this.playback.close();
  }

  // ---- What the server tells ---------------------------------------------------------------------------------------

  #listen(): void {
    const { socket } = this.#signaling;
    socket.on('call:peer-joined', (participant) => {
      this.#meet({ ...participant, isMuted: true, isVideoOn: false, reconnecting: false });
      // Who comes later calls.
      this.#mesh.expect(participant.userId, participant.peerId, false);
    });
    socket.on('call:peer-left', ({ userId, reason }) => this.#part(userId, reason));
    socket.on('call:peer-reconnecting', ({ userId }) => this.roster.update(userId, { isReconnecting: true }));
    socket.on('call:peer-reconnected', ({ userId }) => {
      this.roster.update(userId, { isReconnecting: false });
      this.#mesh.link(userId)?.retry();
    });
    socket.on('call:peer-renamed', ({ userId, username }) => {
      if (userId === this.#self.userId) this.#listener.renamed(username);
      else this.roster.update(userId, { username });
    });
    socket.on('call:mute-status', ({ userId, isMuted }) => this.roster.update(userId, { isMuted }));
    socket.on('call:video-status', ({ userId, isVideoOn }) => this.roster.update(userId, { isVideoOn }));
    socket.on('call:signal', ({ fromPeerId, signal }) => {
      const frame = fromPeerId ? relayedFrame(signal, fromPeerId) : undefined;
      if (frame) this.#broker.receive(frame);
    });
    socket.on('call:peer-status', ({ userId, peerId, online }) => {
      this.#broker.setOnline(peerId, online);
      if (userId === this.#self.userId) this.#toldOfOurPeer(online);
      else if (online) this.#mesh.link(userId)?.retry();
    });
  }

  #seated({ self, participants, iceServers }: Replies['call:join'], askedAt: number): void {
    const isNewcomer = self.joinedAt !== this.#joinedAt;
    this.#joinedAt = self.joinedAt;
    // Audio and video share one path from the start, which halves the candidates.
    this.#broker.configure({ iceServers, bundlePolicy: 'max-bundle', ...this.#rtcConfiguration });
    if (!self.peerOnline && this.#brokerOpenedAt < askedAt) this.#toldOfOurPeer(false);

    for (const participant of participants) {
      const { userId, peerId } = participant;
      this.#meet(participant);
      this.#broker.setOnline(peerId, participant.peerOnline);
      if (isNewcomer || this.#mesh.link(userId)?.peerId !== peerId) this.#mesh.expect(userId, peerId, isNewcomer);
      else this.#mesh.link(userId)?.retry();
    }
    const present = new Set(participants.map(({ userId }) => userId));
    for (const { userId } of this.roster.all()) {
      if (present.has(userId)) continue;
      // A server that restarted knows only those who are back. The rest may be about to, and go on being heard.
      this.#absent.set(userId, performance.now());
      this.roster.update(userId, { isReconnecting: true });
    }
    this.#told = self;
    void this.#tell();
    this.#listener.stateChanged('joined');
  }

  #meet(participant: Present): void {
    this.#absent.delete(participant.userId);
    this.roster.put(participant);
  }

  #part(userId: string, reason: LeaveReason): void {
    this.#absent.delete(userId);
    this.#mesh.remove(userId);
    this.playback.stop(userId);
    this.roster.remove(userId, reason);
  }

  // ---- What we tell ------------------------------------------------------------------------------------------------

  /** Tells the difference between what we want and what the server knows, until there is none. With each seat anew. */
  async #tell(): Promise<void> {
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      while (this.#told && this.#signaling.transport !== 'offline') {
        const { isMuted, isVideoOn } = this.#wanted;
        if (this.#told.isMuted !== isMuted) {
          await this.#signaling.ask(isMuted ? 'call:mute' : 'call:unmute', this.#self);
          this.#told = { ...this.#told, isMuted };
        } else if (this.#told.isVideoOn !== isVideoOn) {
          await this.#signaling.ask(isVideoOn ? 'call:video-on' : 'call:video-off', this.#self);
          this.#told = { ...this.#told, isVideoOn };
        } else break;
      }
    } catch (error) {
      const { retryAfterMs = TELL_AGAIN_MS } = error as CallError;
      if (!this.#undoing.signal.aborted) this.#later = setTimeout(() => void this.#tell(), retryAfterMs);
    } finally {
      this.#isTelling = false;
    }
  }

  // ---- The broker --------------------------------------------------------------------------------------------------

  #brokerOpened(): void {
    this.#brokerOpenedAt = performance.now();
    this.#mesh.brokerOpened();
    this.#listener.connectionChanged();
  }

  #relay(frame: OutgoingFrame): void {
    for (const { userId, peerId } of this.#mesh.links()) if (peerId === frame.dst) this.#signaling.relay(userId, frame);
  }

  /** Our end of a connection to the broker may look alive long after the other end is gone. */
  #toldOfOurPeer(isOnline: boolean): void {
    clearTimeout(this.#doubt);
    if (isOnline) return;
    this.#doubt = setTimeout(() => {
      if (this.#broker.isOpen) this.#broker.renew();
    }, DOUBT_MS);
  }

  // ---- Links -------------------------------------------------------------------------------------------------------

  #linkChanged({ userId, state, stream }: Link): void {
    const isNew = stream !== undefined && stream !== this.roster.get(userId)?.stream;
    this.roster.update(userId, { connection: state, stream });
    if (isNew) this.playback.play(userId, stream);
  }

  #readLevels(): void {
    const beganAt = performance.now();
    for (const link of this.#mesh.links()) this.roster.update(link.userId, link.voice());
    // Each reading waits for a thread of WebRTC's. On a busy machine that takes long, so there it is done less often.
    const tookMs = performance.now() - beganAt;
    this.#levels = setTimeout(() => this.#readLevels(), Math.max(LEVELS_MS, LEVELS_SHARE * tookMs));
  }

  async #readQuality(): Promise<void> {
    this.#dismissAbsent();
    for (const link of this.#mesh.links()) {
      const quality = await link.quality();
      if (this.#undoing.signal.aborted) return;
      const before = this.roster.get(link.userId)?.quality;
      if (!(before && quality && isSame(before, quality))) this.roster.update(link.userId, { quality });
    }
  }

  #dismissAbsent(): void {
    for (const [userId, since] of this.#absent) {
      const isHeard = this.#mesh.link(userId)?.isConnected === true;
      if (!isHeard && performance.now() - since > ABSENCE_MS) this.#part(userId, 'lost');
    }
  }

  /** Back from sleep or on another network: nothing waits for its timer. */
  #wake(): void {
    this.#signaling.wake();
    this.#broker.wake();
    for (const link of this.#mesh.links()) link.retry();
    // A phone call may have paused the audio.
    if (this.playback.isBlocked) void this.playback.resume();
  }
}

// The page of the browser tests, written as frontends of the first version are: plain Socket.IO and PeerJS clients, and
// a call that is joined once, whatever happens to the connection later.

import Peer, { type MediaConnection } from 'peerjs';
import { io } from 'socket.io-client';

/** What a test wants of its page, given in the query of the page's URL. */
export interface Setting {
  /** Where the call server is, as the page sees it. */
  server: string;
  userId: string;
  meetingId: string;
  /** Of the Socket.IO client; its own defaults unless given. */
  transports?: string[];
  /** Calls whoever joins, too, as frontends do that do not know who calls whom. */
  callsNewcomers?: boolean;
  /** Overrides what the page would give its peer connections: the ICE servers that the server told. */
  rtc?: RTCConfiguration;
}

/** An event that the page got (`in`) or sent (`out`), as it happened. */
export interface Entry {
  /** Milliseconds since the epoch. */
  at: number;
  direction: 'in' | 'out';
  event: string;
  payload: unknown;
}

const setting = JSON.parse(new URLSearchParams(location.search).get('setting') ?? '') as Setting;
const { meetingId, userId } = setting;
const self = { meetingId, userId };
const log: Entry[] = [];
const calls = new Map<string, MediaConnection>();
let microphone: MediaStreamTrack | undefined;

const note = (direction: Entry['direction'], event: string, payload: unknown) =>
  log.push({ at: Date.now(), direction, event, payload });

const socket = io(setting.server, setting.transports && { transports: setting.transports });
socket.on('connect', () => note('in', 'connect', { recovered: socket.recovered }));
socket.on('disconnect', (reason) => note('in', 'disconnect', { reason }));
socket.onAny((event: string, payload: unknown) => note('in', event, payload));
socket.onAnyOutgoing((event: string, payload: unknown) => note('out', event, payload));

socket.once('call:ice-servers', (iceServers: RTCIceServer[]) => void start(iceServers));

async function start(iceServers: RTCIceServer[]): Promise<void> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  // Everyone starts muted.
  microphone = stream.getAudioTracks()[0];
  setMicrophone(false);

  const { hostname: host, port, protocol } = new URL(setting.server);
  const secure = protocol === 'https:';
  const config: RTCConfiguration = { iceServers, ...setting.rtc };
  // PeerJS types its options as a class of its own, and takes any object.
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment
  const peer = new Peer({ host, port: Number(port), path: '/peerjs', secure, config });
  // With TURN servers once the page has a seat.
  socket.on('call:ice-servers', (update: RTCIceServer[]) => Object.assign(config, { iceServers: update }, setting.rtc));
  peer.on('open', (peerId) => socket.emit('call:join', { ...self, peerId, username: userId }));
  peer.on('error', ({ type, message }) => note('in', 'peer error', { type, message }));

  socket.on('call:peers-list', ({ participants }: { participants: { peerId: string }[] }) => {
    for (const { peerId } of participants) play(peer.call(peerId, stream));
  });
  socket.on('call:peer-joined', ({ peerId }: { peerId: string }) => {
    if (setting.callsNewcomers) play(peer.call(peerId, stream));
  });
  peer.on('call', (call) => {
    call.answer(stream);
    play(call);
  });
  socket.on('call:peer-left', ({ peerId }: { peerId: string }) => calls.get(peerId)?.close());
}

/** A remote stream counts as heard only while an element plays it. */
function play(call: MediaConnection): void {
  const audio = document.createElement('audio');
  audio.autoplay = true;
  document.body.append(audio);
  calls.set(call.peer, call);
  call.on('stream', (stream) => (audio.srcObject = stream));
  call.on('close', () => {
    calls.delete(call.peer);
    audio.remove();
  });
}

function setMicrophone(isOn: boolean): void {
  if (microphone) microphone.enabled = isOn;
}

const frontend = {
  log,
  mute(): void {
    setMicrophone(false);
    socket.emit('call:mute', self);
  },
  unmute(): void {
    setMicrophone(true);
    socket.emit('call:unmute', self);
  },
  /** How Socket.IO is connected at this moment. */
  transport: (): string | undefined => (socket.connected ? socket.io.engine.transport.name : undefined),
  /** The peer ids at the other ends of this page's calls. */
  peers: (): string[] => [...calls.keys()],
};

declare global {
  interface Window {
    frontend: typeof frontend;
  }
}
window.frontend = frontend;

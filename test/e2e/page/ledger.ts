// Imported before anything else, it sees what the page opens from then on, and tells what of it is still open.

/** How many of each there are at this moment. */
export interface Ledger {
  webSockets: number;
  requests: number;
  peerConnections: number;
  /** Of devices: live, or being asked for. */
  tracks: number;
  audioContexts: number;
  /** Media elements that play a stream, in the document or not. */
  playing: number;
  /** Of what outlives a component: the window, the document, the media devices. */
  listeners: number;
  timers: number;
}

const webSockets: WebSocket[] = [];
window.WebSocket = class extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    webSockets.push(this);
  }
};

const requests = new Set<XMLHttpRequest>();
window.XMLHttpRequest = class extends XMLHttpRequest {
  override send(body?: Document | XMLHttpRequestBodyInit | null): void {
    requests.add(this);
    this.addEventListener('loadend', () => requests.delete(this));
    super.send(body);
  }
};

const peerConnections: RTCPeerConnection[] = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(configuration?: RTCConfiguration) {
    super(configuration);
    peerConnections.push(this);
  }
};

const audioContexts: AudioContext[] = [];
window.AudioContext = class extends AudioContext {
  constructor(options?: AudioContextOptions) {
    super(options);
    audioContexts.push(this);
  }
};

const tracks: MediaStreamTrack[] = [];
const opening = new Set<object>();
const { mediaDevices } = navigator;
const getUserMedia = mediaDevices.getUserMedia.bind(mediaDevices);
mediaDevices.getUserMedia = async (constraints = {}) => {
  opening.add(constraints);
  try {
    const stream = await getUserMedia(constraints);
    tracks.push(...stream.getTracks());
    return stream;
  } finally {
    opening.delete(constraints);
  }
};

const elements = new Set<HTMLMediaElement>();
const srcObject = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'srcObject') ?? {};
Object.defineProperty(HTMLMediaElement.prototype, 'srcObject', {
  ...srcObject,
  set(this: HTMLMediaElement, stream: MediaStream | null) {
    elements.add(this);
    srcObject.set?.call(this, stream);
  },
});

/** As the DOM does it: who adds the same listener twice has added it once. */
const listeners = [window, document, mediaDevices].map((target: EventTarget) => {
  const known = new Map<string, Set<unknown>>();
  const keyOf = (type: string, options: boolean | EventListenerOptions = false) =>
    `${type} ${typeof options === 'object' ? options.capture === true : options}`;
  const add = target.addEventListener.bind(target);
  const remove = target.removeEventListener.bind(target);

  target.addEventListener = (type, listener, options) => {
    const key = keyOf(type, options);
    known.set(key, (known.get(key) ?? new Set()).add(listener));
    // These go by themselves.
    const forget = () => known.get(key)?.delete(listener);
    if (typeof options === 'object' && options.once) add(type, forget, options);
    if (typeof options === 'object') options.signal?.addEventListener('abort', forget);
    add(type, listener, options);
  };
  target.removeEventListener = (type, listener, options) => {
    known.get(keyOf(type, options))?.delete(listener);
    remove(type, listener, options);
  };
  return known;
});

type Timer = (handler: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => number;
/** Both kinds have their ids from one list (HTML, “timers”). */
const timers = new Set<number>();
const clear = window.clearTimeout.bind(window);
const counted =
  (set: Timer, isRepeated: boolean): Timer =>
  (handler, ms, ...args) => {
    const id = set(() => {
      if (!isRepeated) timers.delete(id);
      handler(...args);
    }, ms);
    timers.add(id);
    return id;
  };
const clearTimer = (id = 0) => {
  timers.delete(id);
  clear(id);
};
Object.assign(window, {
  setTimeout: counted(window.setTimeout.bind(window), false),
  setInterval: counted(window.setInterval.bind(window), true),
  clearTimeout: clearTimer,
  clearInterval: clearTimer,
});

export const readLedger = (): Ledger => ({
  webSockets: webSockets.filter(({ readyState }) => readyState !== WebSocket.CLOSED).length,
  requests: requests.size,
  peerConnections: peerConnections.filter(({ signalingState }) => signalingState !== 'closed').length,
  tracks: opening.size + tracks.filter(({ readyState }) => readyState === 'live').length,
  audioContexts: audioContexts.filter(({ state }) => state !== 'closed').length,
  playing: [...elements].filter((element) => element.srcObject !== null && !element.paused).length,
  listeners: listeners.flatMap((known) => [...known.values()]).reduce((sum, { size }) => sum + size, 0),
  timers: timers.size,
});

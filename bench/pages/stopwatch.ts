// Runs in each page before its own code: notes what happened when on the way to the first sound.

import type { Laps, Step } from './face';

const laps: Laps = {};
let startedAt = NaN;
let finish: (laps: Laps) => void;
const connections: RTCPeerConnection[] = [];
let whenMoved: () => void = () => undefined;

const stopwatch: Window['stopwatch'] = {
  start(): void {
    startedAt = performance.now();
  },
  /** The first time counts. */
  lap(step: Step): void {
    laps[step] ??= performance.now() - startedAt;
  },
  /** Settles with the first audio packet. */
  finished: new Promise<Laps>((resolve) => (finish = resolve)),
  connected: (count: number) =>
    new Promise((resolve) => {
      whenMoved = () => {
        if (connections.filter(({ connectionState }) => connectionState === 'connected').length >= count) resolve();
      };
      whenMoved();
    }),
};
window.stopwatch = stopwatch;

const { mediaDevices } = navigator;
const getUserMedia = mediaDevices.getUserMedia.bind(mediaDevices);
mediaDevices.getUserMedia = async (constraints) => {
  const stream = await getUserMedia(constraints);
  stopwatch.lap('microphone');
  return stream;
};

/** Follows the connections that the page offers: who comes later calls. */
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(configuration?: RTCConfiguration) {
    super(configuration);
    connections.push(this);
    let isOurs = false;
    this.addEventListener('signalingstatechange', () => {
      if (this.signalingState === 'have-local-offer') {
        isOurs = true;
        stopwatch.lap('offer');
      } else if (isOurs && this.signalingState === 'stable') stopwatch.lap('answer');
    });
    this.addEventListener('connectionstatechange', () => {
      whenMoved();
      if (isOurs && this.connectionState === 'connected') stopwatch.lap('connected');
    });
    // A track is muted until its first packet is here. Statistics say the same, but up to 50 ms late.
    this.addEventListener('track', ({ track, receiver }) => {
      if (!isOurs || track.kind !== 'audio') return;
      track.addEventListener('unmute', () => {
        stopwatch.lap('packet');
        void confirm(receiver).then(() => finish(laps));
      });
    });
  }
};

/** Settles when the statistics have seen a packet, too. */
async function confirm(receiver: RTCRtpReceiver): Promise<void> {
  const report = (await receiver.getStats()) as ReadonlyMap<string, { type: string; packetsReceived?: number }>;
  if ([...report.values()].some(({ type, packetsReceived = 0 }) => type === 'inbound-rtp' && packetsReceived > 0))
    return;
  await new Promise((resolve) => setTimeout(resolve, 10));
  await confirm(receiver);
}

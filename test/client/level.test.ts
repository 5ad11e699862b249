// Who speaks, from the levels that packets carry.

import { describe, expect, it } from 'vitest';
import { ReceiverMeter, VoiceDetector } from '../../src/client/level';

describe('a voice', () => {
  it('is heard at once, bridges pauses between words, and ends', () => {
    const detector = new VoiceDetector();
    expect(detector.hear(0).isSpeaking).toBe(false);
    expect(detector.hear(0.2).isSpeaking).toBe(true);
    const pause = Array.from({ length: 6 }, () => detector.hear(0).isSpeaking);
    expect(pause).toEqual([true, true, true, true, false, false]);
  });

  it('is not breath and fans', () => {
    expect(new VoiceDetector().hear(0.01).isSpeaking).toBe(false);
  });

  it('is as loud as ears find it, from 0 to 1 in tenths', () => {
    const levels = [0, 0.01, 0.25, 1, 2].map((amplitude) => new VoiceDetector().hear(amplitude).audioLevel);
    expect(levels).toEqual([0, 0.1, 0.5, 1, 1]);
  });
});

describe('a receiver', () => {
  const receiving = (rtpTimestamp: number, audioLevel: number) =>
    ({ getSynchronizationSources: () => [{ rtpTimestamp, audioLevel }] }) as unknown as RTCRtpReceiver;

  it('is as loud as its last packet, and silent when none comes any more', () => {
    const meter = new ReceiverMeter();
    expect(meter.read(receiving(960, 0.3))).toBe(0.3);
    expect(meter.read(receiving(1920, 0.4))).toBe(0.4);
    // Long packets may leave a reading out.
    const readings = Array.from({ length: 4 }, () => meter.read(receiving(1920, 0.4)));
    expect(readings).toEqual([0.4, 0.4, 0, 0]);
    expect(meter.read(receiving(2880, 0.5))).toBe(0.5);
  });

  it('is silent where there is none, or nothing came yet', () => {
    const meter = new ReceiverMeter();
    expect(meter.read(undefined)).toBe(0);
    expect(meter.read({ getSynchronizationSources: () => [] } as unknown as RTCRtpReceiver)).toBe(0);
  });
});

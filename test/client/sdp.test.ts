// What a mesh may cost: the session descriptions that ask for less.

import { describe, expect, it } from 'vitest';
import { audioEncodingFor, tuneOpus, videoBitrateFor } from '../../src/client/sdp';

const lines = (...text: string[]) => text.map((line) => `${line}\r\n`).join('');

const OFFER = lines(
  'v=0',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 63 0',
  'a=rtpmap:111 opus/48000/2',
  'a=rtcp-fb:111 transport-cc',
  'a=fmtp:111 minptime=10;useinbandfec=1',
  'a=rtpmap:63 red/48000/2',
  'a=fmtp:63 111/111',
  'm=video 9 UDP/TLS/RTP/SAVPF 96',
  'a=rtpmap:96 VP8/90000',
);

describe('a session description', () => {
  it('asks for silence to be left out, for error correction, and for a bitrate', () => {
    expect(tuneOpus(OFFER, { maxBitrate: 20_000 })).toBe(
      lines(
        'v=0',
        'm=audio 9 UDP/TLS/RTP/SAVPF 111 63 0',
        'a=rtpmap:111 opus/48000/2',
        'a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1;maxaveragebitrate=20000',
        'a=rtcp-fb:111 transport-cc',
        'a=rtpmap:63 red/48000/2',
        'a=fmtp:63 111/111',
        'm=video 9 UDP/TLS/RTP/SAVPF 96',
        'a=rtpmap:96 VP8/90000',
      ),
    );
  });

  it('asks for longer packets, once, however often it is tuned', () => {
    const encoding = { maxBitrate: 20_000, packetTime: 60 };
    const once = tuneOpus(OFFER, encoding);
    expect(once.match(/^a=ptime:.*$/gm)).toEqual(['a=ptime:60']);
    expect(tuneOpus(once, encoding).match(/^a=fmtp:111 .*$/gm)).toEqual(once.match(/^a=fmtp:111 .*$/gm));
    expect(tuneOpus(once, encoding).match(/^a=ptime:.*$/gm)).toEqual(['a=ptime:60']);
  });

  it('is completed where the codec came without parameters, and left alone without the codec', () => {
    const bare = lines('m=audio 9 RTP/SAVPF 111', 'a=rtpmap:111 OPUS/48000/2');
    expect(tuneOpus(bare, { maxBitrate: 32_000 })).toBe(
      bare + lines('a=fmtp:111 useinbandfec=1;usedtx=1;maxaveragebitrate=32000'),
    );
    const other = lines('m=audio 9 RTP/SAVPF 0', 'a=rtpmap:0 PCMU/8000');
    expect(tuneOpus(other, { maxBitrate: 32_000 })).toBe(other);
  });
});

describe('the more people, the less each stream may cost', () => {
  it('with audio, and longer packets above six', () => {
    const encodings = Array.from({ length: 9 }, (_, index) => audioEncodingFor(index + 2));
    const bitrates = encodings.map(({ maxBitrate }) => maxBitrate);
    expect(bitrates).toEqual([...bitrates].sort((a, b) => b - a));
    expect(bitrates.at(-1)).toBeLessThan(bitrates[0] ?? 0);
    expect(encodings.map(({ packetTime }) => packetTime ?? 20)).toEqual([20, 20, 20, 20, 20, 60, 60, 60, 60]);
  });

  it('with video, which together stays the same', () => {
    for (let participants = 3; participants <= 10; participants++)
      expect(videoBitrateFor(participants) * (participants - 1)).toBeLessThanOrEqual(2_000_000);
    expect(videoBitrateFor(1)).toBe(videoBitrateFor(2));
  });
});

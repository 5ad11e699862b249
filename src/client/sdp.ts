// How much a mesh may cost each of its participants: what is asked for in session descriptions, and set on senders.

/** How we want to be sent audio, and send it ourselves. */
export interface AudioEncoding {
  /** Bits per second. */
  maxBitrate: number;
  /** Milliseconds of audio in one packet; the codec's own 20 unless given. */
  packetTime?: number;
}

/**
 * Everyone sends to each other one, so what one stream may cost shrinks with their number. Above six it is packets that
 * hurt, more than bits: then each holds three times as much.
 */
export function audioEncodingFor(participants: number): AudioEncoding {
  if (participants <= 4) return { maxBitrate: 32_000 };
  if (participants <= 6) return { maxBitrate: 24_000 };
  return { maxBitrate: 20_000, packetTime: 60 };
}

/** Bits per second of camera to each of the others. */
export function videoBitrateFor(participants: number): number {
  return Math.min(1_200_000, Math.floor(2_000_000 / Math.max(participants - 1, 1)));
}

/**
 * Asks, in a session description of ours, whoever answers it to send Opus with silence left out (DTX), with forward error
 * correction, and within a bitrate: parameters of the receiver's, RFC 7587 section 6.1. `a=ptime` is RFC 8866's.
 */
export function tuneOpus(sdp: string, { maxBitrate, packetTime }: AudioEncoding): string {
  const [, payloadType] = /^a=rtpmap:(\d+) opus\/48000/im.exec(sdp) ?? [];
  if (payloadType === undefined) return sdp;
  const wanted = { useinbandfec: '1', usedtx: '1', maxaveragebitrate: String(maxBitrate) };
  const format = new RegExp(`^a=fmtp:${payloadType} (.*)$`, 'm');
  const given = format.exec(sdp)?.[1] ?? '';
  const parameters = given.split(';').flatMap((pair) => {
    const [name = '', value = ''] = pair.trim().split('=');
    return name === '' || name in wanted ? [] : [`${name}=${value}`];
  });
  for (const [name, value] of Object.entries(wanted)) parameters.push(`${name}=${value}`);

  const lines = [`a=fmtp:${payloadType} ${parameters.join(';')}`];
  if (packetTime !== undefined) lines.push(`a=ptime:${packetTime}`);
  const own = new RegExp(`^a=(fmtp:${payloadType} |ptime:).*\r?\n`, 'gm');
  return sdp.replace(own, '').replace(/^a=rtpmap:\d+ opus\/48000.*$/im, (map) => [map, ...lines].join('\r\n'));
}

// What participants of a call send each other while they connect, in the size and proportion of real ones.

/** An audio and video description as Chromium writes it is about this long. */
const SDP_LENGTH = 2500;
const CANDIDATES = 8;

export type Kind = 'offer' | 'answer' | 'candidate';

export interface Message {
  kind: Kind;
  body: Record<string, unknown>;
}

const CONNECTION_ID = 'mc_x4k0d9s2v7q';

const SDP_HEAD = [
  'v=0',
  'o=- 4611731400430051336 2 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'a=group:BUNDLE 0 1',
  'a=extmap-allow-mixed',
  'a=msid-semantic: WMS 5b1c2b7e-8a55-4a8e-9d6f-0c7a1f3f7f10',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126',
  'c=IN IP4 0.0.0.0',
  'a=rtcp:9 IN IP4 0.0.0.0',
  'a=ice-ufrag:Yq2r',
  'a=ice-pwd:5kV9mQ0bXh3J7cT1sLw8eZpD',
];

function sessionDescription(): string {
  const lines = [...SDP_HEAD];
  for (let payload = 35, length = 0; length < SDP_LENGTH - SDP_HEAD.join('\r\n').length; payload += 1) {
    const line = `a=rtpmap:${payload} opus/48000/2\r\na=fmtp:${payload} minptime=10;useinbandfec=1;apt=${payload}`;
    lines.push(line);
    length += line.length + 2;
  }
  return `${lines.join('\r\n')}\r\n`;
}

function description(kind: 'offer' | 'answer'): Message {
  const sdp = { type: kind, sdp: sessionDescription() };
  return { kind, body: { sdp, type: 'media', connectionId: CONNECTION_ID } };
}

function candidate(index: number): Message {
  const line =
    `candidate:${842163049 + index} 1 udp 1677729535 203.0.113.${index + 1} ${49152 + index} typ srflx ` +
    `raddr 192.168.178.${index + 20} rport ${50000 + index} generation 0 ufrag Yq2r network-id 1 network-cost 10`;
  const body = { candidate: { candidate: line, sdpMLineIndex: 0, sdpMid: '0' }, connectionId: CONNECTION_ID };
  return { kind: 'candidate', body: { ...body, type: 'media' } };
}

/** One offer, one answer and eight candidates: what connects a pair. */
export const mix: readonly Message[] = [
  description('offer'),
  ...Array.from({ length: CANDIDATES / 2 }, (_, index) => candidate(index)),
  description('answer'),
  ...Array.from({ length: CANDIDATES / 2 }, (_, index) => candidate(index + CANDIDATES / 2)),
];

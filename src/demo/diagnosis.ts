// Everything that tells why a call is as it is, in words: for the eye, and as a text to send to whoever helps.

import type { Device, Participant, Snapshot } from '../react';
import { milliseconds, percent } from './numbers';

export interface Section {
  title: string;
  facts: { name: string; value: string; isWrong?: boolean }[];
}

/** @param server - what the server says it is; undefined until it has said so. */
export function diagnose(snapshot: Snapshot, server: string | undefined): Section[] {
  return [pageAndServer(snapshot, server), ...snapshot.participants.map(person)];
}

export function asText(sections: Section[]): string {
  const paragraphs = sections.map(({ title, facts }) =>
    [title, ...facts.map(({ name, value }) => `  ${name}: ${value}`)].join('\n'),
  );
  return [new Date().toISOString(), navigator.userAgent, ...paragraphs].join('\n\n');
}

function pageAndServer({ state, self, signaling, isBrokerOpen }: Snapshot, server = 'no answer yet'): Section {
  const { isSecureContext } = window;
  return {
    title: 'This page and the server',
    facts: [
      { name: 'Secure context', value: isSecureContext ? 'yes' : 'no', isWrong: !isSecureContext },
      { name: 'State', value: state, isWrong: state !== 'joined' },
      { name: 'Signaling', value: signaling, isWrong: signaling !== 'websocket' },
      { name: 'PeerJS broker', value: isBrokerOpen ? 'open' : 'closed', isWrong: !isBrokerOpen },
      { name: 'Server', value: server },
      { name: 'Own peer id', value: self.peerId },
      { name: 'Microphone', value: device(self.microphone), isWrong: self.microphone.status === 'failed' },
      { name: 'Camera', value: device(self.camera), isWrong: self.camera.status === 'failed' },
    ],
  };
}

const device = ({ status, label, error }: Device) =>
  [status, label, error?.code].filter((part) => part !== undefined && part !== '').join(', ');

function person({ username, peerId, connection, isReconnecting, quality }: Participant): Section {
  return {
    title: username,
    facts: [
      {
        name: 'Media',
        value: isReconnecting ? `${connection}, without the server` : connection,
        isWrong: connection !== 'connected' || isReconnecting,
      },
      {
        name: 'Path',
        value: quality ? `${quality.localCandidate ?? '?'} to ${quality.remoteCandidate ?? '?'}` : 'none yet',
      },
      { name: 'Protocol', value: quality?.protocol ?? 'unknown' },
      { name: 'Round trip', value: milliseconds(quality?.roundTripMs), isWrong: quality?.grade === 'poor' },
      { name: 'Jitter', value: milliseconds(quality?.jitterMs) },
      { name: 'Loss', value: quality ? percent(quality.loss) : 'not measured yet' },
      { name: 'Peer id', value: peerId },
    ],
  };
}

// PeerJS clients reduced to their WebSocket.

import { WebSocket } from 'ws';
import type { Lane } from './lanes';
import { mix, type Kind } from './messages';

const TYPES: Record<Kind, string> = { offer: 'OFFER', answer: 'ANSWER', candidate: 'CANDIDATE' };

/** Opens a PeerJS socket and waits for the broker's `OPEN`. */
export function openPeer(door: string, id: string): Promise<WebSocket> {
  const query = new URLSearchParams({ key: 'peerjs', id, token: `token-${id}`, version: '1.5.5' });
  const socket = new WebSocket(`${door}?${query.toString()}`, { perMessageDeflate: false });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('message', () => resolve(socket));
  });
}

/** Pairs of peers, as lanes in both directions; at two doors, one of each pair is at each. */
export async function peerLanes(doors: readonly string[], pairs: number): Promise<Lane[]> {
  const [leftDoor = '', rightDoor = leftDoor] = doors;
  const opened = Array.from({ length: pairs }, async (_, pair) => {
    const [leftId, rightId] = [`left-${pair}`, `right-${pair}`];
    const [left, right] = await Promise.all([openPeer(leftDoor, leftId), openPeer(rightDoor, rightId)]);
    return [laneBetween(left, right, rightId), laneBetween(right, left, leftId)];
  });
  return (await Promise.all(opened)).flat();
}

function laneBetween(from: WebSocket, to: WebSocket, dst: string): Lane {
  const frames = mix.map(({ kind, body }) => JSON.stringify({ type: TYPES[kind], payload: body, dst }));
  const lane: Lane = {
    send: (n) => from.send(frames[n % frames.length] ?? ''),
    arrived: () => undefined,
  };
  to.on('message', () => lane.arrived());
  return lane;
}

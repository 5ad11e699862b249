// Participants who say nothing: one Socket.IO and one PeerJS connection each.

import type { Socket } from 'socket.io-client';
import type { WebSocket } from 'ws';
import { connect, type Nodes } from './participants';
import { openPeer } from './peers';

/** How many open their connections at the same time. */
export const BATCH = 50;

export interface Idle {
  socket: Socket;
  peer: WebSocket;
}

/** Opens the connections of so many, spread evenly over the nodes; their peers are called by `name` and a number. */
export async function openIdle(nodes: Nodes, count: number, name: string): Promise<Idle[]> {
  const opened: Idle[] = [];
  const openOne = async (index: number): Promise<Idle> => {
    const node = nodes[index % nodes.length] ?? nodes[0];
    const [socket, peer] = await Promise.all([connect(node), openPeer(node.doors.peerjs, `${name}-${index}`)]);
    return { socket, peer };
  };
  while (opened.length < count) {
    const from = opened.length;
    const batch = Array.from({ length: Math.min(BATCH, count - from) }, (_, index) => openOne(from + index));
    opened.push(...(await Promise.all(batch)));
  }
  return opened;
}

// The least that one would write with Socket.IO for the same purpose: relay signals, and make people of a room known
// to each other. It believes every word it is told.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, type ServerOptions } from 'socket.io';

interface Participant {
  room: string;
  userId: string;
  peerId: string;
  username: string;
}

/**
 * Gives the address at which Socket.IO clients connect. With an adapter that brings signals to other nodes, too, where
 * people of a room do not become known: that would need a memory that the nodes share.
 */
export function startSocketIo(adapter?: ServerOptions['adapter']): Promise<string> {
  const server = createServer();
  const io = new Server(server, adapter && { adapter });
  const rooms = new Map<string, Map<string, Participant>>();

  io.on('connection', (socket) => {
    socket.on('signal', (message: { to: string }) => io.to(message.to).emit('signal', message));

    socket.on('join', async (participant: Participant) => {
      const { room } = participant;
      const others = rooms.get(room) ?? new Map<string, Participant>();
      rooms.set(room, others);
      socket.emit('list', [...others.values()]);
      others.set(socket.id, participant);
      await socket.join(room);
      socket.to(room).emit('joined', participant);
    });

    socket.on('leave', async ({ room }: Participant, done: () => void) => {
      rooms.get(room)?.delete(socket.id);
      await socket.leave(room);
      done();
    });
  });

  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  });
}

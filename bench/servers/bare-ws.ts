// The least that relays PeerJS frames: parse, find the addressee, stamp the sender, send.

import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import { report } from './report';

const sockets = new Map<string, WebSocket>();
const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' }, () => {
  report({ peerjs: `ws://127.0.0.1:${(wss.address() as AddressInfo).port}/` });
});

wss.on('connection', (socket, { url }) => {
  const id = new URL(url ?? '', 'ws://bare').searchParams.get('id') ?? '';
  sockets.set(id, socket);
  socket.on('close', () => sockets.delete(id));
  socket.on('message', (data) => {
    const frame = JSON.parse((data as Buffer).toString()) as { src: string; dst: string };
    frame.src = id;
    sockets.get(frame.dst)?.send(JSON.stringify(frame));
  });
  socket.send('{"type":"OPEN"}');
});

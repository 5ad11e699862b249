// The server of the package `peer` as it is published, with the one listener without which it ends on bad input.

import type { AddressInfo } from 'node:net';
import { PeerServer } from 'peer';

/** Gives the address at which PeerJS sockets are opened. */
export function startPeer(): Promise<string> {
  return new Promise((resolve) => {
    PeerServer({ port: 0, host: '127.0.0.1' }, (server) => {
      resolve(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/peerjs`);
    }).on('error', () => undefined);
  });
}

// Everything that differs between one node and several, in the words of the domain. call-server.ts decides which, once.

import type { PeerPresence } from '../directory';
import type { RoomStore } from '../rooms';

/** Carries PeerJS frames to peers that are connected to another node. */
export interface PeerFrames {
  /** Whether another node took the frame. If not, its addressee is connected nowhere, and the frame waits for it here. */
  forward(toPeerId: string, frame: string): Promise<boolean>;
  /** `deliver` gets each frame that another node has for a peer of this one. */
  listen(deliver: (toPeerId: string, frame: string) => void): void;
}

export interface Backplane {
  rooms: RoomStore;
  peers: PeerPresence;
  frames: PeerFrames;
  /** Whether what it stands on answers. */
  isHealthy(): Promise<boolean>;
  close(): Promise<void>;
}

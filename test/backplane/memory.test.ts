import { createMemoryBackplane } from '../../src/backplane/memory';
import { describePeerClaims } from './peer-claims.contract';
import { describePeers } from './peers.contract';
import { describeRoomStore } from './room-store.contract';

describeRoomStore('memory', createMemoryBackplane);
describePeers('memory', createMemoryBackplane);
describePeerClaims('memory', createMemoryBackplane);

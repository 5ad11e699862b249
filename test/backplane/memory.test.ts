import { MemoryRoomStore } from '../../src/backplane/memory';
import { describePeerPresence } from './peer-presence.contract';
import { describeRoomStore } from './room-store.contract';
import { MemoryPeerPresence } from '../../src/backplane/memory';

describeRoomStore('memory', () => new MemoryRoomStore());
describePeerPresence('memory', () => new MemoryPeerPresence());

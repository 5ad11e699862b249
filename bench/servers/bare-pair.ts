// What one would run without us for both: `peer` and Socket.IO, each on a port of its own, in one process.

import { report } from './report';
import { startPeer } from './start-peer';
import { startSocketIo } from './start-socketio';

report({ peerjs: await startPeer(), signaling: await startSocketIo() });

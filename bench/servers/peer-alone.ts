// The broker that one would run without us.

import { report } from './report';
import { startPeer } from './start-peer';

report({ peerjs: await startPeer() });

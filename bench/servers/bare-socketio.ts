// The signaling server that one would write without us.

import { report } from './report';
import { startSocketIo } from './start-socketio';

report({ signaling: await startSocketIo() });

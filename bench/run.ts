// The benchmark: what back-call costs, beside what one would run without it. README.md says how to read it.

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { PAIRS } from './load/lanes';
import { peerLanes } from './load/peers';
import { signalLanes } from './load/participants';
import { audio } from './parts/audio';
import { crowd } from './parts/crowd';
import { joining } from './parts/joining';
import { memory } from './parts/memory';
import { nodes } from './parts/nodes';
import { compareRelays } from './parts/relay';
import { size } from './parts/size';
import { starting } from './parts/starting';
import { full, quick, type Plan } from './plan';

const parts: Record<string, (plan: Plan) => Promise<void>> = {
  a: (plan) =>
    compareRelays(
      {
        title: '(a) PeerJS frames relayed',
        servers: ['back-call', 'peer-alone', 'bare-ws'],
        openLanes: ({ doors }) => peerLanes([doors.peerjs], PAIRS),
        aim: 1.1,
      },
      plan,
    ),
  b: (plan) =>
    compareRelays(
      {
        title: '(b) call:signal relayed',
        servers: ['back-call', 'bare-socketio'],
        openLanes: (subject) => signalLanes([subject], PAIRS),
        aim: 1.25,
      },
      plan,
    ),
  c: joining,
  d: memory,
  e: audio,
  f: size,
  g: crowd,
  h: starting,
  i: nodes,
};

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: Object.keys(parts).join(',') },
    quick: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});

const chosen = values.only.split(',').map((name) => {
  const part = parts[name];
  if (!part) throw new Error(`--only takes letters out of ${Object.keys(parts).join(',')}; found ${name}`);
  return { name, part };
});

const { status } = spawnSync(process.execPath, ['scripts/ensure-built.mjs'], { stdio: 'inherit' });
if (status !== 0) throw new Error('the build failed');

const [processor] = cpus();
const load = loadavg()[0]?.toFixed(2) ?? '';
console.log(`Node ${process.version}, ${cpus().length} × ${processor?.model ?? 'CPU'}, load before: ${load}`);
for (const { name, part } of chosen) {
  const profiles = values.profile === undefined ? undefined : resolve(values.profile, name);
  if (profiles !== undefined) mkdirSync(profiles, { recursive: true });
  await part({ ...(values.quick ? quick : full), profiles });
}
// The clients' connections would keep the process alive until they notice that their servers are gone.
process.exit();

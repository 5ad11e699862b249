// The server that is attacked, as a process of its own: `besieged` in siege.ts forks it.

import { createCallServer, type CallServerOptions } from '../../src/index';
import { retryWhileInUse } from '../free-port';

export type Report = { port: number } | { memory: number };

const options = JSON.parse(process.argv[2] ?? '{}') as CallServerOptions;
const report = (message: Report) => process.send?.(message);

/** Memory that is really in use, in bytes: what the garbage collector can take, it takes. */
async function residentMemory(): Promise<number> {
  const readings: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    global.gc?.();
    await new Promise(setImmediate);
    readings.push(process.memoryUsage().rss);
  }
  return Math.min(...readings);
}

// The one thing that it can be asked.
process.on('message', () => void residentMemory().then((memory) => report({ memory })));
// Nobody is left to attack it.
process.on('disconnect', () => process.exit());

const calls = createCallServer({ stunUrls: [], logLevel: 'silent', environment: 'test', ...options });
const { port } = await retryWhileInUse(() => calls.listen(0, '127.0.0.1'));
report({ port });

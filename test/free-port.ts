// For programs that cannot choose a port themselves, and for servers that start again on the same port.

import { once } from 'node:events';
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Browsers, and fetch in Node.js, refuse some ports, of which 10080 is the last; from 32768 on the kernel gives ports to
 * outgoing connections, so a port there may be taken at any moment.
 */
const [FIRST, END] = [10_081, 32_768];

/** A random port on loopback that no process listens on, and that the kernel gives to no outgoing connection. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, END);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

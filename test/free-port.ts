// Ports of loopback: free ones for programs that cannot choose a port themselves or restart on the same port, and servers
// that listen on a port of the kernel's choice.

import { once } from 'node:events';
import { randomInt } from 'node:crypto';
import { createServer, type AddressInfo, type ListenOptions, type Server } from 'node:net';
import { platform } from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Browsers, and fetch in Node.js, refuse some ports, of which 10080 is the last; from 32768 on the kernel gives ports to
 * outgoing connections, so a port there may be taken at any moment.
 */
const [FIRST, END] = [10_081, 32_768];

/**
 * A random port on loopback that no process listens on, and that the kernel gives to no outgoing connection. Until this
 * process ends, `freePort` returns the port to no other process of this machine, also while its server restarts.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, END);
    if (!(await reserve(port))) continue;
    const server = await tryToListen({ port, host: '127.0.0.1' });
    if (!server) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** An abstract socket of Linux has the scope of a port, and the kernel frees the name when the process ends. */
async function reserve(port: number): Promise<boolean> {
  if (platform !== 'linux') return true;
  const reservation = await tryToListen({ path: `\0back-call-test-port-${port}` });
  reservation?.unref();
  return reservation !== undefined;
}

/** Resolves to undefined if the address is in use. */
async function tryToListen(address: ListenOptions): Promise<Server | undefined> {
  const server = createServer().listen(address);
  const isFree = await once(server, 'listening').then(
    () => true,
    () => false,
  );
  return isFree ? server : undefined;
}

const RETRY_MS = 100;

/** Listens on loopback, on a port of the kernel's choice, and returns the port. */
export async function listenOnLoopback(server: Server): Promise<number> {
  await retryWhileInUse(() => once(server.listen(0, '127.0.0.1'), 'listening'));
  return (server.address() as AddressInfo).port;
}

/** Retries what fails with `EADDRINUSE`. Port 0 fails, too, while other programs use all ports for a moment. */
export async function retryWhileInUse<T>(listen: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await listen();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      await pause(RETRY_MS);
    }
}

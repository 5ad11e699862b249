// The server goes away in the middle of a call and comes back: whoever talks goes on talking.

import { expect, test } from 'vitest';
import { allHearAll, Stage, unmuteAll } from './browser';
import { ServerProcess } from './server-process';
import { freePort } from '../free-port';

test('three people go on hearing each other while the server restarts', async () => {
  const stage = await Stage.open();
  const environment = {
    STUN_URLS: '',
    HOST: '127.0.0.1',
    CORS_ORIGIN: stage.origin,
    // Longer than a busy browser needs to close its connection.
    SHUTDOWN_GRACE_MS: '30000',
  };
  const { server, port } = await ServerProcess.start({ ...environment, PORT: String(await freePort()) });
  const callers = await stage.enterAll(`http://127.0.0.1:${port}`, 'alice', 'bob', 'carol');
  await unmuteAll(callers);
  await allHearAll(callers);

  const { code } = await server.end('SIGTERM');
  expect(code).toBe(0);
  expect(await server.said('stopped')).toMatchObject({ reason: 'all closed' });
  for (const caller of callers) {
    const { payload } = await caller.told('call:server-shutdown');
    expect(payload.reconnectInMs, caller.userId).toBeGreaterThan(0);
    await caller.happened('disconnect');
  }
  await allHearAll(callers);

  await ServerProcess.start({ ...environment, PORT: String(port) });
  await Promise.all(callers.map((caller) => caller.happened('connect', {}, 2)));
  await allHearAll(callers);
  for (const caller of callers) expect(await caller.connectionCount(), caller.userId).toBe(2);
});

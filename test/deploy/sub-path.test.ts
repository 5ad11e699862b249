// Behind nginx, which serves the call server under a path prefix and removes the prefix.

import { describe, expect, it } from 'vitest';
import type { CallServerOptions } from '../../src/index';
import { allHearAll, MEETING, Stage, unmuteAll } from '../e2e/browser';
import { joinAll } from '../e2e/sdk';
import { dial, get, participant, startServer } from '../helpers';
import { needBuild } from '../need';
import { OURS, startNginx } from './nginx';

await needBuild();

/** Replaces the location of the document. */
const underCalls = (header: string) => (configuration: string) =>
  configuration
    .replace('location / {', `location /calls/ {\n${header}`)
    .replace(/(proxy_pass http:\/\/[\d.:]+);/, '$1/;');

const PREFIX_HEADER = 'proxy_set_header X-Forwarded-Prefix /calls;';

async function behindPrefix(options: CallServerOptions, header: string): Promise<string> {
  const { port } = await startServer({ demo: true, ...options });
  const nginx = await startNginx('docs/deploy.md', { '127.0.0.1:5000': port }, underCalls(header));
  return `${nginx.url}/calls`;
}

describe('behind nginx under /calls/', () => {
  it('[D14] every path that is given out has the prefix, and works', async () => {
    const url = await behindPrefix({ trustProxy: 1, peerDiscovery: true }, PREFIX_HEADER);
    const { origin } = new URL(url);
    const { endpoints } = (await get(`${url}/`)).body as { endpoints: Record<string, string> };
    for (const [name, path] of Object.entries(endpoints)) {
      expect(path).toMatch(/^\/calls\/[a-z]/);
      // These need more than a GET.
      if (!['room', 'peer', 'socketio', 'peerjs'].includes(name))
        expect([name, (await fetch(origin + path)).status]).toEqual([name, 200]);
    }
    const { peer, socket } = (await get(`${url}/api/call/config`)).body.data as Record<string, Record<string, unknown>>;
    expect(peer).toMatchObject({
      host: '127.0.0.1',
      port: Number(new URL(url).port),
      path: '/calls/peerjs',
      secure: true,
    });
    await participant(origin, { userId: 'ada' }, { ...OURS, path: String(socket?.path) });
    await dial(url, { id: 'ada', token: 't' }).next('OPEN');
    expect((await get(`${origin}${String(peer?.path)}/peerjs/peers`)).body).toEqual(['ada']);
  });

  it.each([
    ['X-Forwarded-Prefix', { trustProxy: 1 }, PREFIX_HEADER],
    ['neither a header nor PUBLIC_URL', { trustProxy: 1 }, ''],
    ['another path of Socket.IO', { trustProxy: 1, socketPath: '/call-socket' }, PREFIX_HEADER],
  ])('[D14] the demo works with %s', async (_what, options, header) => {
    const stage = await Stage.open('--ignore-certificate-errors');
    const url = await behindPrefix(options, header);
    for (const name of ['alice', 'bob']) {
      const { page } = await stage.visit(`${url}/?meeting=${MEETING}`, name);
      expect(new URL(page.url()).pathname).toBe('/calls/demo/');
      if (!page.url().includes('meeting=')) await page.goto(`${url}/demo/?meeting=${MEETING}`);
      await page.getByRole('textbox', { name: 'Your name' }).fill(name);
      await page.getByRole('button', { name: 'Join' }).click();
      await page.getByRole('heading', { name: new RegExp(`^${MEETING} `) }).waitFor();
      expect(new URL(page.url()).pathname).toBe('/calls/demo/');
    }
    expect((await get(`${url}/api/call/room/${MEETING}`)).body.data).toMatchObject({ participants: 2 });
  });

  it('[D14] pages of the SDK hear each other', async () => {
    const stage = await Stage.open('--ignore-certificate-errors');
    const url = await behindPrefix({ trustProxy: 1, corsOrigins: [stage.origin] }, PREFIX_HEADER);
    const callers = await joinAll(stage, url, 'alice', 'bob');
    await unmuteAll(callers);
    await allHearAll(callers);
  });
});

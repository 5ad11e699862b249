// `back-call health`, as a container engine runs it beside the server. Rule D17.

import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, execPath } from 'node:process';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createAuthority, issue } from '../src/identity/authority';
import { checkHealth } from '../src/transport/health-check';
import { connect, get } from './helpers';
import { freePort, listenOnLoopback } from './free-port';
import { BUILT, ServerProcess } from './e2e/server-process';

const { PATH = '' } = env;

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'back-call-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

function check(environment: Record<string, string>, ...flags: string[]) {
  const options = { cwd: tmpdir(), env: { PATH, ...environment }, encoding: 'utf8' } as const;
  const { status, stdout, stderr } = spawnSync(execPath, [BUILT, 'health', ...flags], options);
  return { status, stdout, stderr };
}

/** Starts a server with these settings, which the health check gets, too. */
async function start(environment: Record<string, string>, ...flags: string[]) {
  const settings = { PORT: String(await freePort()), STATE_DIR: await temporaryFolder(), ...environment };
  const { server } = await ServerProcess.start(
    { STUN_URLS: '', ...settings },
    { command: [execPath, BUILT, ...flags] },
  );
  return { server, settings, port: settings.PORT };
}

const healthy = (url: string) => ({ status: 0, stdout: `${url}/health is healthy\n`, stderr: '' });

const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ family }) => family === 'IPv6'));
const HOSTS = ['', '127.0.0.1', '0.0.0.0', 'localhost', ...(hasIPv6 ? ['::', '::1'] : [])];

describe.each(['off', 'on'])('with HTTPS=%s', (HTTPS) => {
  it.each(HOSTS)('[D17] the health check reaches a server with HOST=%j', async (HOST) => {
    const { settings, port } = await start({ HOST, HTTPS });
    const host = { '': '127.0.0.1', '0.0.0.0': '127.0.0.1', '::': '127.0.0.1', '::1': '[::1]' }[HOST] ?? HOST;
    expect(check(settings)).toEqual(healthy(`${HTTPS === 'on' ? 'https' : 'http'}://${host}:${port}`));
  });
});

describe('the health check', () => {
  it('[D17] accepts a certificate that is not for this machine', async () => {
    const folder = await temporaryFolder();
    const authority = await createAuthority([], Date.now());
    const { cert, key } = await issue(authority, ['calls.example'], Date.now());
    const files = { TLS_CERT: join(folder, 'cert.pem'), TLS_KEY: join(folder, 'key.pem') };
    await writeFile(files.TLS_CERT, cert);
    await writeFile(files.TLS_KEY, key);
    const { settings, port } = await start(files);
    expect(check(settings)).toEqual(healthy(`https://127.0.0.1:${port}`));
  });

  it('[D17] takes flags, and finds out by itself that only the server has --https', async () => {
    const { port, settings } = await start({}, '--https');
    expect(check({}, '--port', port)).toEqual(healthy(`https://127.0.0.1:${port}`));
    expect(check(settings, '--lan')).toEqual(healthy(`https://127.0.0.1:${port}`));
  });

  it('[D17] succeeds when no connections are left', async () => {
    const { settings, port } = await start({ MAX_CONNECTIONS: '2', MAX_CONNECTIONS_PER_ADDRESS: '2' });
    const url = `http://127.0.0.1:${port}`;
    await connect(url);
    await connect(url);
    expect((await get(`${url}/api/call/stats`)).status).toBe(429);
    for (let round = 0; round < 3; round += 1) expect(check(settings)).toEqual(healthy(url));
  });

  it('[D17] starts nothing and writes no files', async () => {
    const STATE_DIR = join(await temporaryFolder(), 'state');
    check({ PORT: String(await freePort()), HTTPS: 'on', STATE_DIR, REDIS_URL: 'redis://127.0.0.1:1' });
    await expect(rm(STATE_DIR, { recursive: true })).rejects.toThrow('ENOENT');
  });

  it('[D17] fails without a server, and says what it requested', async () => {
    const PORT = String(await freePort());
    expect(check({ PORT, HOST: '127.0.0.1' })).toEqual({
      status: 1,
      stdout: '',
      stderr:
        `http://127.0.0.1:${PORT}/health: connect ECONNREFUSED 127.0.0.1:${PORT}\n` +
        'Set PORT, HOST and HTTPS as for the server, or start it.\n',
    });
  });

  it('[D17] fails if PORT is 0 or invalid', () => {
    expect(check({ PORT: '0' })).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^PORT is 0, .*\n$/) as string,
    });
    expect(check({ PORT: 'high' })).toMatchObject({ status: 1, stderr: expect.stringContaining('PORT: ') as string });
  });
});

it.each([
  ['another program', 200, '{"status":"ok"}', 'another program answers'],
  ['a page', 200, '<html>', 'another program answers'],
  ['an error', 500, '', 'status 500'],
])('[D17] the health check fails if %s answers', async (_, status, body, reason) => {
  const other = createServer((_req, res) => res.writeHead(status).end(body));
  const port = await listenOnLoopback(other);
  onTestFinished(() => void other.close());
  await expect(checkHealth({ host: '127.0.0.1', port })).rejects.toThrow(`http://127.0.0.1:${port}/health: ${reason}`);
});

// The command as one types it: flags, refusals, certificates of one's own, and what it opens.

import { spawn, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, execPath } from 'node:process';
import { connect } from 'node:tls';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createAuthority, issue } from '../src/identity/authority';
import { retryWhileInUse } from './free-port';
import { DEADLINE_MS, before, portOf } from './helpers';
import { BUILT, ServerProcess } from './e2e/server-process';

const { PATH = '' } = env;

/** Runs to its end. */
function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(execPath, [BUILT, ...args], {
    encoding: 'utf8',
    cwd: tmpdir(),
    env: { PATH },
  });
  return { status, stdout, stderr };
}

const start = (args: string[], environment: Record<string, string> = {}) =>
  ServerProcess.start({ PORT: '0', STUN_URLS: '', ...environment }, { command: [execPath, BUILT, ...args] });

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'back-call-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** The fingerprint of the certificate that a connection gets now. */
function servedAt(port: number): Promise<string> {
  const served = new Promise<string>((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(new X509Certificate(socket.getPeerCertificate().raw).fingerprint256);
      socket.destroy();
    });
    socket.on('error', reject);
  });
  return before(served, () => 'a certificate');
}

const fingerprintOf = (cert: string) => new X509Certificate(cert).fingerprint256;

describe('the command', () => {
  it('answers what is only asked, and ends with 0', () => {
    expect(run('--version')).toEqual({ status: 0, stdout: '0.1.0\n', stderr: '' });
    expect(run('--help')).toMatchObject({ status: 0, stderr: '' });
    expect(run('--help').stdout).toMatch(/^Usage: back-call .*--lan.*MAX_PARTICIPANTS/s);
  });

  it('refuses in one line, and ends with 1', async () => {
    const unknown = "error: unknown option '--prot' (Did you mean --port?)\n";
    expect(run('--prot', '1')).toEqual({ status: 1, stdout: '', stderr: unknown });
    const wrong = '--port: found "high", expected a whole number from 0 to 65535\n';
    expect(run('start', '--port', 'high')).toEqual({ status: 1, stdout: '', stderr: wrong });

    const other = createServer();
    await retryWhileInUse(() => once(other.listen(0), 'listening'));
    onTestFinished(() => void other.close());
    const port = String(portOf(other.address()));
    const taken = run('--port', port, '--log-format', 'json');
    expect(taken).toMatchObject({ status: 1, stderr: '' });
    expect(
      taken.stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { msg: string }).msg),
    ).toEqual([`port ${port} is taken`]);

    const missing = run('--cert', 'no.pem', '--key', 'no.key', '--log-format', 'json');
    expect(missing.status).toBe(1);
    expect(missing.stdout.trim().split('\n')).toHaveLength(1);
    expect(missing.stdout).toContain('the certificate no.pem and its key no.key do not serve: ENOENT');
  });

  it('puts flags before the environment', async () => {
    const { port } = await start(['--port', '0', '--demo', 'off'], { PORT: '1', DEMO: 'on' });
    expect((await fetch(`http://127.0.0.1:${port}/demo/`)).status).toBe(404);
  });

  it('shows people the way, and phones', async () => {
    const stateDir = await temporaryFolder();
    const args = [BUILT, '--lan', '--port', '0', '--log-format', 'pretty', '--state-dir', stateDir];
    const child = spawn(execPath, args, { cwd: tmpdir(), env: { PATH } });
    onTestFinished(() => void child.kill('SIGKILL'));
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await vi.waitUntil(() => text.includes('for the camera of a phone'), { timeout: DEADLINE_MS });
    expect(text).toMatch(/Demo {7}https:\/\/\S+:\d+\/demo\/\n/);
    expect(text).toMatch(
      /PeerJS {5}new Peer\(\{ host: '\S+', port: \d+, path: '\/peerjs', secure: true, config: \{ iceServers: \[\] \} \}\)/,
    );
    expect(text).toMatch(/\n {2}█{20,}\n/);
  });

  it('opens the demo in a browser, and goes on if there is none', async () => {
    const folder = await temporaryFolder();
    const opened = join(folder, 'opened');
    await writeFile(join(folder, 'xdg-open'), `#!/bin/sh\necho "$@" > ${opened}.part && mv ${opened}.part ${opened}\n`);
    await chmod(join(folder, 'xdg-open'), 0o755);
    const { port } = await start(['--open'], { PATH: `${folder}:${PATH}` });
    const address = await vi.waitFor(() => readFile(opened, 'utf8'), { timeout: DEADLINE_MS });
    expect(address.trim()).toBe(`http://localhost:${port}/demo/`);

    const { server, port: another } = await start(['--open'], { PATH: await temporaryFolder() });
    await server.said('no browser could be opened');
    expect((await fetch(`http://127.0.0.1:${another}/health`)).status).toBe(200);
  });

  it('[D6] serves by a certificate of your own, and by the next when its files have changed', async () => {
    const folder = await temporaryFolder();
    const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    const authority = await createAuthority([], Date.now());
    const [first, second] = [
      await issue(authority, ['localhost'], Date.now()),
      await issue(authority, ['localhost'], Date.now()),
    ];
    await Promise.all([writeFile(files.cert, first.cert), writeFile(files.key, first.key)]);

    const { server, port } = await start(['--cert', files.cert, '--key', files.key]);
    expect(await servedAt(port)).toBe(fingerprintOf(first.cert));
    await writeFile(files.cert, second.cert);
    await server.said('the certificate could not be renewed; the old one stays');
    expect(await servedAt(port)).toBe(fingerprintOf(first.cert));
    await writeFile(files.key, second.key);
    await server.said('new connections get a new certificate');
    expect(await servedAt(port)).toBe(fingerprintOf(second.cert));
  });
});

// All doors by HTTPS, on a port that also answers who comes by plain HTTP. Rules D6 and D7.

import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { request as plainRequest, type IncomingHttpHeaders } from 'node:http';
import { createServer as createSecureServer, request as secureRequest, type RequestOptions } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Hosts } from '../../src/identity/hosts';
import { openOwnIdentity } from '../../src/identity/own';
import type { CallServerOptions } from '../../src/index';
import { takePlainConnections } from '../../src/transport/plain';
import { Proxies } from '../../src/transport/proxies';
import { listenOnLoopback } from '../free-port';
import { before, dial, participant, refusedUpgrade, startServer } from '../helpers';
import { needBuild } from '../need';

await needBuild();

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

async function startSecureServer(options: CallServerOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'back-call-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  let hosts: Hosts = { names: ['desk-7.local', 'localhost'], addresses: ['127.0.0.1'] };
  const identity = await openOwnIdentity({ folder, hosts: () => hosts });
  const { calls, port } = await startServer({ identity, ...options });
  const ca = identity.authority?.cert ?? '';
  return {
    calls,
    identity,
    folder,
    ca,
    port,
    url: `https://127.0.0.1:${port}`,
    moveTo: (...addresses: string[]) => (hosts = { ...hosts, addresses: ['127.0.0.1', ...addresses] }),
    /** Asks for the path as it is written, by HTTPS and with trust in the authority. */
    ask: (path: string, headers: Record<string, string> = {}) => askFor(secureRequest, { port, path, headers, ca }),
    askPlainly: (path: string, headers: Record<string, string> = {}, method = 'GET') =>
      askFor(plainRequest, { port, path, headers, method }),
  };
}

function askFor(request: typeof secureRequest, options: RequestOptions): Promise<Answer> {
  const answer = new Promise<Answer>((resolve, reject) => {
    request({ host: '127.0.0.1', agent: false, ...options }, (res) => {
      let text = '';
      res.on('data', (chunk: Buffer) => (text += chunk.toString()));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, text }));
    })
      .on('error', reject)
      .end();
  });
  return before(answer, () => `an answer to ${JSON.stringify(options)}`);
}

const body = ({ text }: Answer) => JSON.parse(text) as Record<string, unknown> & { data: Record<string, unknown> };
const leafAt = (port: number) =>
  new Promise<string>((resolve, reject) => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(new X509Certificate(socket.getPeerCertificate().raw).subjectAltName ?? '');
      socket.destroy();
    });
    socket.on('error', reject);
  });

describe('HTTPS', () => {
  it('[D6] opens all three doors', async () => {
    const { url, ca, ask } = await startSecureServer();
    expect(await ask('/health')).toMatchObject({ status: 200 });
    const ada = await participant(url, { userId: 'ada' }, { ca });
    await participant(url, { userId: 'bob' }, { ca, transports: ['polling', 'websocket'] });
    expect((await ada.next('call:peer-joined')).userId).toBe('bob');

    const wires = ['peer-ada', 'peer-bob'].map((id) => dial(url, { id, token: `token-${id}` }, { ca }));
    await Promise.all(wires.map((wire) => wire.next('OPEN')));
    wires[0]?.send({ type: 'OFFER', dst: 'peer-bob', payload: {} });
    expect(await wires[1]?.next('OFFER')).toMatchObject({ src: 'peer-ada' });
  });

  it('[D6] is said in the configuration, and plain HTTP is, with what to do about the microphone', async () => {
    const { ask, port } = await startSecureServer({ stunUrls: [] });
    expect(body(await ask('/api/call/config')).data).toMatchObject({
      peer: { host: '127.0.0.1', port, secure: true },
      isSecureContext: true,
      insecureReason: null,
      trustPath: '/trust',
      iceServers: [],
    });

    const { port: plainPort } = await startServer();
    const askAs = async (host: string) =>
      body(await askFor(plainRequest, { port: plainPort, path: '/api/call/config', headers: { Host: host } })).data;
    for (const host of ['localhost:5000', '127.0.0.1', '[::1]:5000', 'a.localhost'])
      expect(await askAs(host), host).toMatchObject({ isSecureContext: true, insecureReason: null, trustPath: null });
    for (const host of ['192.168.1.5:5000', 'localhost.example', '127.example'])
      expect(await askAs(host), host).toMatchObject({
        peer: { secure: false },
        isSecureContext: false,
        insecureReason: expect.stringMatching(/HTTPS.*--lan/) as string,
      });
  });

  it('[D6] keeps the origin check: pages of this host by HTTPS come in, others do not', async () => {
    const { url, port, ask, ca } = await startSecureServer({ corsOrigins: [] });
    expect((await ask('/health', { Origin: `https://127.0.0.1:${port}` })).status).toBe(200);
    expect((await ask('/health', { Origin: 'https://evil.example' })).status).toBe(403);
    const headers = { Origin: 'https://evil.example' };
    for (const path of ['/peerjs/peerjs?key=peerjs&id=eve&token=t', '/socket.io/?EIO=4&transport=websocket'])
      expect(await refusedUpgrade(`${url}${path}`, headers, { ca })).toMatchObject({ status: 403 });
  });

  it('[D6] does not make browsers demand HTTPS of whatever else runs on this machine', async () => {
    const { ask } = await startSecureServer({ demo: true });
    for (const path of ['/health', '/demo/', '/trust', '/client/back-call.js'])
      expect((await ask(path)).headers['strict-transport-security'], path).toBeUndefined();
  });
});

describe('plain HTTP on a port of HTTPS', () => {
  it('[D14] keeps the path prefix of a trusted proxy, or of PUBLIC_URL, in the redirect', async () => {
    const forwarded = { 'X-Forwarded-Host': 'example.com', 'X-Forwarded-Prefix': '/calls' };
    const locationOf = async (options: CallServerOptions, headers: Record<string, string> = forwarded) => {
      const { askPlainly, port } = await startSecureServer(options);
      const { location = '' } = (await askPlainly('/demo/?meeting=x', headers)).headers;
      return location.replace(`:${port}`, '');
    };
    expect(await locationOf({ trustProxy: 1 })).toBe('https://example.com/calls/demo/?meeting=x');
    expect(await locationOf({})).toBe('https://127.0.0.1/demo/?meeting=x');
    for (const publicUrl of ['https://calls.example/calls', 'http://calls.example/calls/'])
      expect(await locationOf({ publicUrl })).toBe('https://calls.example/calls/demo/?meeting=x');
    const evil = { ...forwarded, 'X-Forwarded-Prefix': '//evil.example/\\' };
    expect(await locationOf({ trustProxy: 1 }, evil)).toBe('https://example.com/demo/?meeting=x');
  });

  it('[D6] leads to HTTPS, whatever was asked for', async () => {
    const { port, askPlainly } = await startSecureServer();
    const host = `127.0.0.1:${port}`;
    const targets: [path: string, location: string][] = [
      ['/', `https://${host}/`],
      ['/demo/?meeting=x', `https://${host}/demo/?meeting=x`],
      ['//evil.example/', `https://${host}//evil.example/`],
      ['http://evil.example/', `https://${host}/`],
      ['/trust/', `https://${host}/trust/`],
      ['/ca.crt.key', `https://${host}/ca.crt.key`],
    ];
    for (const [path, location] of targets)
      expect(await askPlainly(path), path).toMatchObject({ status: 307, headers: { location, connection: 'close' } });
    expect(await askPlainly('/api/call/stats', {}, 'POST')).toMatchObject({ status: 307 });
    const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket' };
    expect(await askPlainly('/peerjs/peerjs', upgrade)).toMatchObject({ status: 307 });
    expect(await askPlainly('/', { Host: 'desk-7.local:5000' })).toMatchObject({
      headers: { location: 'https://desk-7.local:5000/' },
    });
    for (const wrong of ['a b', 'evil@', ':x', 'a/b', '/x'])
      expect(await askPlainly('/', { Host: wrong })).toMatchObject({ status: 400 });
  });

  it('[D6] harms nobody with what is neither HTTP nor TLS, and is cut off when the server stops', async () => {
    const { calls, port, ask } = await startSecureServer();
    const talk = (...bytes: (string | Buffer)[]) => {
      const socket = connectTcp(port, '127.0.0.1');
      socket.on('error', () => undefined);
      for (const chunk of bytes) socket.write(chunk);
      return socket;
    };
    const ended = (socket: Socket) =>
      before(new Promise((resolve) => socket.resume().once('close', resolve)), () => 'the end of a connection');
    await ended(talk(Buffer.from([22, 3, 1, 0, 5, 1, 2, 3, 4, 5])));
    await ended(talk(Buffer.from([0, 1, 2, 3])));
    await ended(talk('HELLO\r\n\r\n'));
    talk('GET / HTTP/1.1\r\n').resetAndDestroy();
    talk(Buffer.from([22])).resetAndDestroy();
    talk().resetAndDestroy();
    // One byte after another is an answer, too.
    const slow = talk('G');
    const read = once(slow, 'data');
    slow.write('ET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(String((await before(read, () => 'a redirect'))[0])).toMatch(/^HTTP\/1\.1 307 /);
    expect((await ask('/health')).status).toBe(200);

    const waiting = [talk(), talk('GET / HT'), talk(Buffer.from([22, 3]))];
    await Promise.all(waiting.map((socket) => before(once(socket, 'connect'), () => 'a connection')));
    await calls.close();
    await Promise.all(waiting.map(ended));
  });
});

it('[D6] has no patience with who says nothing, or never ends what is to be said in plain HTTP', async () => {
  const { identity } = await startSecureServer();
  const server = createSecureServer(identity.credentials);
  takePlainConnections(server, 50, new Proxies({}));
  const port = await listenOnLoopback(server);
  onTestFinished(() => void server.close());
  for (const words of ['', 'GET / HTTP/1.1\r\n']) {
    const socket = connectTcp(port, '127.0.0.1');
    socket.write(words);
    await before(new Promise((resolve) => socket.resume().once('close', resolve)), () => `the end after ${words}`);
  }
});

describe('the certificate authority', () => {
  it('[D7] can be had by HTTPS and by plain HTTP, as phones know it', async () => {
    const { ca, ask, askPlainly } = await startSecureServer();
    for (const answer of [await ask('/ca.crt'), await askPlainly('/ca.crt')])
      expect(answer).toMatchObject({
        status: 200,
        text: ca,
        headers: { 'content-type': 'application/x-x509-ca-cert' },
      });
  });

  it('[D7] keeps its key to itself', async () => {
    const { folder, ask, askPlainly } = await startSecureServer({ demo: true });
    const files = await readdir(folder);
    const keys = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
    const secrets = keys.map((text) => /BEGIN PRIVATE KEY-----\n(\S+)/.exec(text)?.[1] ?? 'missing');
    expect(secrets).toHaveLength(2);
    const paths = [
      '/',
      '/ca.crt',
      '/trust',
      '/ca.key',
      '/authority.pem',
      '/server.pem',
      '/demo/../authority.pem',
      '/api/call/config',
    ];
    for (const path of paths)
      for (const { text } of [await ask(path), await askPlainly(path)])
        for (const secret of ['PRIVATE', ...secrets]) expect(text, path).not.toContain(secret);
  });

  it('[D7] is told how to install, first for the device that asks', async () => {
    const { ask, askPlainly, identity } = await startSecureServer();
    const phone = { 'User-Agent': 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1' };
    for (const answer of [await ask('/trust', phone), await askPlainly('/trust', phone)]) {
      expect(answer).toMatchObject({ status: 200, headers: { vary: expect.stringContaining('User-Agent') as string } });
      expect(answer.text).toMatch(/<details open><summary>iPhone and iPad</);
      expect(answer.text.match(/<details open>/g)).toHaveLength(1);
      expect(answer.text).toContain(identity.authority?.fingerprint.replaceAll(':', ' '));
      expect(answer.headers['content-security-policy']).toMatch(/^default-src 'none';style-src 'sha256-\S+';/);
    }
    const deviceOf = async (agent: string) =>
      /<details open><summary>([^<]+)</.exec((await ask('/trust', { 'User-Agent': agent })).text)?.[1];
    expect(await deviceOf('Mozilla/5.0 (Linux; Android 10; K) Chrome/140.0.0.0 Mobile')).toBe('Android');
    expect(await deviceOf('Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0.0.0')).toBe('Windows');
    expect(await deviceOf('Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605.1.15')).toBe('Mac');
    expect(await deviceOf('Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0.0.0')).toBe('Linux, with Chrome or Chromium');
    expect(await deviceOf('Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0')).toBe(
      'Firefox on a computer',
    );
    expect(await deviceOf('curl/8')).toBeUndefined();
  });

  it('[D7] signs another certificate when the address has changed, which new connections get', async () => {
    const { calls, url, ca, port, moveTo, identity } = await startSecureServer();
    const ada = await participant(url, { userId: 'ada' }, { ca });
    expect(await calls.renewIdentity()).toBe(false);
    moveTo('10.1.2.3');
    expect(await leafAt(port)).not.toContain('10.1.2.3');
    expect(await calls.renewIdentity()).toBe(true);
    expect(await leafAt(port)).toContain('10.1.2.3');
    expect(identity.authority?.cert).toBe(ca);
    await participant(url, { userId: 'bob' }, { ca });
    expect((await ada.next('call:peer-joined')).userId).toBe('bob');
  });

  it('[D7] is not there without one', async () => {
    const { port } = await startServer();
    for (const path of ['/ca.crt', '/trust']) expect((await askFor(plainRequest, { port, path })).status).toBe(404);
  });
});

// The SDK and the demo as a browser gets them, standing alone and inside another application. Rule D5.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import express from 'express';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import type * as Api from '../../src/index';
import { createCallServer, loadConfig, type CallServerOptions } from '../../src/index';
import { demoFiles } from '../../src/transport/files';
import { listenOnLoopback, retryWhileInUse } from '../free-port';
import { GENEROUS, get, startServer } from '../helpers';
import { needBuild } from '../need';

await needBuild();

const SDK = ['/client/back-call.js', '/client/back-call.mjs', '/client/back-call.js.map', '/client/back-call.mjs.map'];
const FROM_APP = { Origin: 'https://app.example' };
const NOT_FOUND = { status: 404, body: { success: false, code: 'NOT_FOUND' } };
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8';

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** Asks for the path as it is written; `fetch` would resolve its dots, choose an `Accept`, and follow redirects. */
function ask(url: string, path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: new URL(url).port, path, method, headers }, (res) => {
      let text = '';
      res.on('data', (chunk: Buffer) => (text += chunk.toString()));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, text }));
    })
      .on('error', reject)
      .end();
  });
}

const refusalOf = ({ status, text }: Answer) => ({ status, body: JSON.parse(text) as unknown });

/** An application with calls inside it, and these paths of its own behind them. */
async function startHost(options: CallServerOptions = {}, ...own: string[]): Promise<string> {
  const app = express();
  const server = createServer(app);
  const calls = createCallServer({ mount: { app, server }, logLevel: 'silent', stunUrls: [], ...options });
  for (const path of own) app.use(path, (_req, res) => res.json({ own: path }));
  const port = await listenOnLoopback(server);
  onTestFinished(async () => {
    await calls.close();
    server.close();
  });
  return `http://127.0.0.1:${port}`;
}

/** A folder with these files, as long as the test lasts. */
async function folderWith(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'back-call-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

describe('the SDK', () => {
  it('[D5] comes as a script and as a module, to be read again when it has changed', async () => {
    const { url } = await startServer();
    for (const path of SDK) {
      const { status, headers, text } = await ask(url, path);
      expect([path, status]).toEqual([path, 200]);
      const type = path.endsWith('.map') ? 'application/json' : 'text/javascript';
      expect(headers['content-type']).toBe(`${type}; charset=utf-8`);
      expect(headers['cache-control']).toBe('no-cache');

      const head = await ask(url, path, {}, 'HEAD');
      expect(head).toMatchObject({ status: 200, text: '' });
      expect(head.headers['content-length']).toBe(String(Buffer.byteLength(text)));

      const { etag = '' } = headers;
      expect(await ask(url, path, { 'If-None-Match': etag })).toMatchObject({ status: 304, text: '' });
      expect(await ask(url, path, { 'If-None-Match': '"of yesterday"' })).toMatchObject({ status: 200, text });
    }
  });

  it('[D5] travels packed to whoever can unpack it, and is the same then', async () => {
    const { url } = await startServer();
    const [path = ''] = SDK;
    const { text } = await ask(url, path);
    const response = await fetch(`${url}${path}`, { headers: { 'Accept-Encoding': 'gzip' } });
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect(response.headers.get('vary')).toContain('Accept-Encoding');
    expect(await response.text()).toBe(text);
  });

  it("[D5] can be a script of anybody's page, and is imported by the pages of allowed origins", async () => {
    const { url } = await startServer({ corsOrigins: [FROM_APP.Origin] });
    for (const path of SDK) {
      const script = await ask(url, path, { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Site': 'cross-site' });
      expect(script).toMatchObject({ status: 200, headers: { 'cross-origin-resource-policy': 'cross-origin' } });
      // What is cached for a script must not be taken for an import, which needs to be allowed.
      expect(script.headers.vary).toContain('Origin');

      const imported = await ask(url, path, FROM_APP);
      const { etag = '' } = imported.headers;
      for (const answer of [imported, await ask(url, path, { ...FROM_APP, 'If-None-Match': etag })])
        expect(answer.headers['access-control-allow-origin']).toBe(FROM_APP.Origin);
      const foreign = await ask(url, path, { Origin: 'https://evil.example' });
      expect(refusalOf(foreign)).toMatchObject({ status: 403, body: { code: 'ORIGIN_NOT_ALLOWED' } });
    }
  });

  it('[D5] is all that is served of what was built', async () => {
    const { url } = await startServer({ demo: false });
    const others = ['', '/', '/index.js', '/index.d.ts', '/../server.js', '/..%2fserver.js', '/%2e%2e/server.js'];
    const misspelt = ['/back-call.js/', '/Back-Call.js', '/back-call%2ejs', '/back-call.js%00'];
    for (const path of [...others, ...misspelt])
      expect(refusalOf(await ask(url, `/client${path}`)), path).toMatchObject(NOT_FOUND);
    for (const path of ['/index.js', '/server.js', '/dist/server.js', '/package.json'])
      expect(refusalOf(await ask(url, path)), path).toMatchObject(NOT_FOUND);
  });

  it.each([
    ['a range of nonsense digits', { Range: 'bytes=-5-' }, [200, 416]],
    ['a range that ends before it begins', { Range: 'bytes=9-1' }, [416]],
    ['a range beyond the end', { Range: 'bytes=999999999-' }, [416]],
    ['a suffix of zero bytes', { Range: 'bytes=-0' }, [416]],
    ['a range that begins before the file', { Range: 'bytes=-999999999' }, [206, 416]],
    ['a range of huge numbers', { Range: `bytes=${'9'.repeat(400)}-` }, [200, 416]],
    ['a range of letters', { Range: 'bytes=a-b' }, [200, 416]],
    ['an empty range', { Range: 'bytes=' }, [200, 416]],
    ['a range of other units', { Range: 'lines=9-1' }, [200]],
    ['many ranges', { Range: `bytes=${Array.from({ length: 1000 }, (_, i) => `${2 * i}-${2 * i}`).join()}` }, [200]],
    ['many ranges beyond the end', { Range: `bytes=${Array(500).fill('9-1').join()}` }, [416]],
    ['another ETag', { 'If-Match': '"another"' }, [412]],
    ['a date before the file', { 'If-Unmodified-Since': 'Thu, 01 Jan 1970 00:00:00 GMT' }, [412]],
    ['no date', { 'If-Unmodified-Since': 'yesterday', 'If-Modified-Since': 'x', 'If-Range': 'y' }, [200]],
  ])('[D5] answers a request with %s as HTTP says, and logs no stack', async (_what, headers, statuses) => {
    const lines: string[] = [];
    const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
    const { url } = await startServer({ demo: true, log });
    for (const path of ['/client/back-call.js', '/demo/index.html']) {
      const answer = await ask(url, path, headers);
      expect(statuses, path).toContain(answer.status);
      if (answer.status < 400) continue;
      expect(refusalOf(answer).body).toMatchObject({ success: false, code: 'INVALID_REQUEST' });
      expect(answer.headers).toMatchObject({ 'content-type': 'application/json; charset=utf-8' });
      expect(answer.headers).not.toHaveProperty('last-modified');
      if (answer.status === 416) expect(answer.headers['content-range']).toMatch(/^bytes \*\/\d+$/);
    }
    expect(lines.join('\n')).not.toMatch(/INTERNAL_ERROR|stack/);
  });

  it('[D5] cannot be written to', async () => {
    const { url } = await startServer({ demo: true });
    for (const path of ['/client/back-call.js', '/demo', '/demo/', '/demo/index.html'])
      for (const method of ['POST', 'PUT', 'DELETE'])
        expect(refusalOf(await ask(url, path, {}, method)), `${method} ${path}`).toMatchObject(NOT_FOUND);
  });

  it('[D5] is limited in rate like any request', async () => {
    const { url } = await startServer({ demo: true, rateLimits: { ...GENEROUS, requests: 2, windowMs: 60_000 } });
    expect((await ask(url, '/client/back-call.js')).status).toBe(200);
    expect((await ask(url, '/demo/')).status).toBe(200);
    for (const path of ['/client/back-call.mjs', '/demo', '/demo/'])
      expect(refusalOf(await ask(url, path))).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } });
  });

  it('[D5] is found by the built server, too', async () => {
    const built = (await import(pathToFileURL(resolve('dist/index.js')).href)) as typeof Api;
    const calls = built.createCallServer({ logLevel: 'silent', stunUrls: [] });
    onTestFinished(() => calls.close());
    const { port } = await retryWhileInUse(() => calls.listen(0, '127.0.0.1'));
    for (const path of [...SDK, '/demo/']) expect((await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(200);
  });
});

describe('the demo', () => {
  it('[D5] is at /demo/, with what it is made of', async () => {
    const { url } = await startServer({ demo: true });
    const page = await ask(url, '/demo/');
    expect(page).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' },
    });
    expect(await ask(url, '/demo/', { 'If-None-Match': page.headers.etag ?? '' })).toMatchObject({ status: 304 });
    expect(await ask(url, '/demo/', {}, 'HEAD')).toMatchObject({ status: 200, text: '' });
    const parts = [...page.text.matchAll(/<(?:script|link)\b[^>]*?\b(?:src|href)="([^"]+)"/g)].map(([, path]) => path);
    expect(parts.length).toBeGreaterThan(0);
    for (const part of parts) expect((await fetch(new URL(part ?? '', `${url}/demo/`))).status, part).toBe(200);
  });

  it('[D5] is found without the slash, and keeps the invitation', async () => {
    const { url } = await startServer({ demo: true });
    // A proxy may serve us below a path of its own; a relative answer fits there, too.
    expect(await ask(url, '/demo')).toMatchObject({ status: 302, headers: { location: 'demo/' } });
    const invited = await ask(url, '/demo?meeting=a%20b&x=%2F');
    expect(new URL(invited.headers.location ?? '', `${url}/demo`).href).toBe(`${url}/demo/?meeting=a%20b&x=%2F`);
    expect((await fetch(`${url}/demo`)).url).toBe(`${url}/demo/`);
  });

  it('[D5] runs its own scripts alone, on a LAN without HTTPS, too', async () => {
    const { url } = await startServer({ demo: true });
    const { headers } = await ask(url, '/demo/');
    const policy = String(headers['content-security-policy']).split(';');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("style-src 'self'");
    expect(policy).toContain("frame-ancestors 'self'");
    expect(policy).not.toContain('upgrade-insecure-requests');
    expect(headers['permissions-policy']).toBe('microphone=(self), camera=(self), display-capture=()');
    // The policy of all others is helmet's own.
    expect((await ask(url, '/health')).headers).toMatchObject({
      'content-security-policy': expect.stringContaining('upgrade-insecure-requests') as string,
    });
    expect((await ask(url, '/health')).headers['permissions-policy']).toBeUndefined();
  });

  it('[D5] shows nothing that is not in its folder', async () => {
    const { url } = await startServer({ demo: true });
    const up = ['..', '%2e%2e', '%2E.', '.%2e', '..%2f..', '..%5c..', '..\\..', '%252e%252e', 'x/../..', './/..'];
    for (const step of up)
      for (const file of ['server.js', 'package.json', '../package.json'])
        expect(refusalOf(await ask(url, `/demo/${step}/${file}`)), `${step} ${file}`).toMatchObject(NOT_FOUND);
    for (const path of ['/..', '/%00', '/index.html%00.js', '/%ff', '/%', '/C:/', '/index.html/'])
      expect(refusalOf(await ask(url, `/demo${path}`)), path).toMatchObject(NOT_FOUND);
  });

  it('[D5] shows no hidden file, and lists no folder', async () => {
    const folder = await folderWith({
      'index.html': 'page',
      '.env': 'secret',
      '.git/config': 'secret',
      'img/a.svg': '',
    });
    const app = express();
    app.use('/demo/', demoFiles(folder));
    app.use((_req, res) => res.status(404).json(NOT_FOUND.body));
    const server = createServer(app);
    const url = `http://127.0.0.1:${await listenOnLoopback(server)}`;
    onTestFinished(() => void server.close());
    expect(await ask(url, '/demo/')).toMatchObject({ status: 200, text: 'page' });
    expect(await ask(url, '/demo/img/a.svg')).toMatchObject({ headers: { 'content-type': 'image/svg+xml' } });
    for (const path of ['/.env', '/.git/config', '/%2egit/config', '/img', '/img/'])
      expect(refusalOf(await ask(url, `/demo${path}`)), path).toMatchObject(NOT_FOUND);
  });

  it('[D5] keeps foreign pages out', async () => {
    const { url } = await startServer({ demo: true });
    for (const path of ['/demo', '/demo/'])
      expect(refusalOf(await ask(url, path, { Origin: 'https://evil.example' }))).toMatchObject({ status: 403 });
  });

  it('[D5] is there in development, when it is asked for, and else not', async () => {
    for (const options of [{ environment: 'development' }, { environment: 'production', demo: true }]) {
      const { url } = await startServer(options);
      expect((await ask(url, '/demo/')).status).toBe(200);
      expect((await get(url)).body).toMatchObject({ endpoints: { demo: '/demo/' } });
    }
    for (const options of [{ environment: 'production' }, { environment: 'development', demo: false }]) {
      const { url } = await startServer(options);
      for (const path of ['/demo', '/demo/', '/demo/index.html'])
        expect(refusalOf(await ask(url, path, { Accept: BROWSER }))).toMatchObject(NOT_FOUND);
      const { body } = await get(url);
      expect(body).toMatchObject({ endpoints: { client: '/client/back-call.js' } });
      expect(body.endpoints).not.toHaveProperty('demo');
    }
  });
});

describe('GET /', () => {
  const asked: [accept: string | undefined, isPage: boolean][] = [
    [BROWSER, true],
    ['text/html', true],
    ['text/html;q=0.9, application/json;q=0.8', true],
    ['application/json', false],
    ['*/*', false],
    ['application/json, text/plain, */*', false],
    ['text/html;q=0.1, application/json', false],
    ['text/html;q=0', false],
    ['image/png', false],
    ['', false],
    [undefined, false],
  ];

  it.each(asked)('[D5] leads to the demo who would rather read a page (Accept: %s)', async (accept, isPage) => {
    const { url } = await startServer({ demo: true });
    const answer = await ask(url, '/', accept === undefined ? {} : { Accept: accept });
    expect(answer.headers.vary).toMatch(/\bAccept\b/);
    if (isPage) expect(answer).toMatchObject({ status: 302, headers: { location: 'demo/' } });
    else expect(JSON.parse(answer.text)).toMatchObject({ name: 'back-call', endpoints: { demo: '/demo/' } });
  });

  it('[D5] leads a browser nowhere when the demo is off', async () => {
    const { url } = await startServer({ demo: false });
    const answer = await ask(url, '/', { Accept: BROWSER });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({ name: 'back-call' });
    expect(answer.headers.vary).not.toMatch(/\bAccept\b/);
  });
});

describe('inside another application', () => {
  it('[D5] the SDK takes its own paths, and no other', async () => {
    const url = await startHost({}, '/client', '/');
    for (const path of SDK) expect((await ask(url, path)).headers['content-type']).toMatch(/javascript|json/);
    expect((await ask(url, '/client/back-call.js')).text).not.toContain('"own"');
    for (const path of ['/client', '/client/', '/client/index.js', '/client/back-call.js/', '/client/BACK-CALL.js'])
      expect((await get(url + path)).body, path).toEqual({ own: '/client' });
    expect((await get(`${url}/index.js`)).body).toEqual({ own: '/' });
    expect(refusalOf(await ask(url, '/client/back-call.js', {}, 'POST'))).toMatchObject(NOT_FOUND);
  });

  it.each([{}, { environment: 'development' }, loadConfig({ NODE_ENV: 'development' }), { demo: false }])(
    "[D5] the demo leaves the host's own alone, unless it was asked for (%#)",
    async (options) => {
      const url = await startHost(options, '/demo', '/');
      for (const path of ['/demo', '/demo/', '/demo/index.html'])
        expect((await get(url + path)).body).toEqual({ own: '/demo' });
      expect((await ask(url, '/', { Accept: BROWSER })).text).toBe('{"own":"/"}');
    },
  );

  it('[D5] the demo is there when it was asked for, and / stays with the host', async () => {
    const url = await startHost({ demo: true }, '/');
    expect((await ask(url, '/demo/')).headers['content-type']).toBe('text/html; charset=utf-8');
    expect((await fetch(`${url}/demo`)).url).toBe(`${url}/demo/`);
    expect(refusalOf(await ask(url, '/demo/nothing'))).toMatchObject(NOT_FOUND);
    expect((await ask(url, '/', { Accept: BROWSER })).text).toBe('{"own":"/"}');
  });
});

// The package as npm would publish it: what is in it, and that it does in an empty project what the README says.
// This is the one test that asks the npm registry for anything.

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { env } from 'node:process';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { beforeAll, describe, expect, it } from 'vitest';
import { devDependencies, version } from '../package.json';
import { ServerProcess } from './e2e/server-process';
import { get } from './helpers';

/** npm and compilers take their time on a machine that does other things as well. */
const PATIENCE_MS = 240_000;

const MEGABYTE = 1e6;
/** Texts to read, code that is built, its types and maps, and the demo. */
const FOR_USERS =
  /^(LICENSE|(README|CHANGELOG|docs\/[\w-]+)\.md|docs\/demo\.png|env\.example|package\.json|dist\/NOTICES\.txt|dist\/.+\.([cm]?js(\.map)?|d\.c?ts|html|css|svg|webmanifest))$/;
const ENTRIES = ['.', './client', './react', './package.json'];
const LIBRARY = `
  import { createServer } from 'node:http';
  import { ConfigError, createCallServer, loadConfig } from 'back-call';
  import type { CallServer, CallServerOptions, Complaint, ConfigOptions, RoomStore } from 'back-call';
  import { joinCall, type Snapshot } from 'back-call/client';
  import { useVoiceCall, type VoiceCall } from 'back-call/react';
  import express from 'express';

  const app = express();
  const mount = { app, server: createServer(app) };
  export const calls: CallServer = createCallServer({ ...loadConfig({ PORT: '0' }), mount });
  const partial: ConfigOptions = { maxParticipants: undefined, rateLimits: { events: 5 }, redis: { url: 'redis://h' } };
  export const options: CallServerOptions = { ...partial, mount: undefined, log: undefined };
  export const complaintsOf = (error: ConfigError): Complaint[] => (error.code === 'INVALID_CONFIG' ? error.complaints : []);
  export const seat: RoomStore['seat'] = () => Promise.resolve({ outcome: 'full' });
  export const names = ({ participants }: Snapshot): string[] => participants.map(({ username }) => username);
  export const useStandup = (): VoiceCall['state'] => useVoiceCall('standup', 'ada').state;
  // @ts-expect-error How many take part is a number.
  createCallServer({ maxParticipants: 'many' });
  // @ts-expect-error There is no such option.
  createCallServer({ maxParticipant: 5 });
  // @ts-expect-error Origins are a list.
  createCallServer({ corsOrigins: '*' });
  // @ts-expect-error Nobody joins without saying who they are.
  void joinCall({ meetingId: 'standup' });`;
const FRONTEND = `
  import { joinCall } from 'back-call/client';

  const call = await joinCall({ meetingId: 'standup', userId: 'ada' });
  export const stop = call.watch(({ self }) => (document.title = self?.username ?? ''));`;

const folder = mkdtempSync(join(tmpdir(), 'back-call-'));
const tarball = join(folder, `back-call-${version}.tgz`);

/** What a program writes that runs in the project; rejects with all of it when that fails. */
function run(file: string, ...args: string[]): Promise<string> {
  const { PATH, HOME } = env;
  return new Promise((settle, fail) => {
    execFile(file, args, { cwd: folder, env: { PATH, HOME } }, (error, stdout) => {
      if (error) fail(new Error(`${error.message}\n${stdout}`));
      else settle(stdout);
    });
  });
}

/** Compiles files of the project, and all types that they lead to; gives where these are. */
async function compile(files: Record<string, string>, options: object): Promise<string[]> {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    target: 'es2022',
    lib: ['es2023', 'dom'],
    noEmit: true,
    ...options,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: Object.keys(files) }));
  return (await run('node', resolve('node_modules/typescript/bin/tsc'), '--listFiles')).trim().split('\n');
}

beforeAll(async () => {
  // Without `prepack`, which would build once more what `needBuild` has built.
  await run('npm', 'pack', resolve('.'), '--ignore-scripts', '--silent');
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  const names = ['react', 'react-dom', '@types/react'] as const;
  const packages = [tarball, ...names.map((name) => `${name}@${devDependencies[name]}`)];
  await run('npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', ...packages);
  return () => rmSync(folder, { recursive: true });
}, PATIENCE_MS);

describe('the package', () => {
  it('has in it what its users need, and nothing of the workshop', () => {
    const { length } = '/node_modules/back-call/';
    const contents = createPackageFromTarballData(readFileSync(tarball));
    const files = contents.listFiles().map((path) => path.slice(length));
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'dist/server.mjs', 'dist/NOTICES.txt', 'docs/client.md']));
    expect(files.filter((file) => !FOR_USERS.test(file))).toEqual([]);
    expect(statSync(tarball).size).toBeLessThan(2 * MEGABYTE);
  });

  it('gives nothing to complain of to publint', async () => {
    const { buffer } = Uint8Array.from(readFileSync(tarball));
    expect((await publint({ pack: { tarball: buffer }, strict: true })).messages).toEqual([]);
  });

  it('has types as its code is, in every way in which TypeScript looks for them', async () => {
    const result = await checkPackage(createPackageFromTarballData(readFileSync(tarball)));
    expect(result).toMatchObject({ types: { kind: 'included' }, problems: [] });
    expect(Object.keys('entrypoints' in result ? result.entrypoints : {})).toEqual(ENTRIES);
  });
});

describe('in an empty project, the package', { timeout: PATIENCE_MS }, () => {
  it('brings all types that its own speak of, to modules and to CommonJS', async () => {
    await compile({ 'library.mts': LIBRARY, 'library.cts': LIBRARY }, { module: 'nodenext' });
  });

  it('brings them to bundlers', async () => {
    await compile({ 'library.ts': LIBRARY }, { module: 'esnext', moduleResolution: 'bundler' });
  });

  it('leaves a frontend with the types of the client alone', async () => {
    const bundling = { module: 'esnext', moduleResolution: 'bundler', types: [] };
    const files = await compile({ 'frontend.ts': FRONTEND }, bundling);
    expect(files.filter((file) => !file.includes('/typescript/lib/'))).toEqual([
      join(folder, 'node_modules/back-call/dist/client/index.d.ts'),
      join(folder, 'frontend.ts'),
    ]);
  });

  it.each(['import', 'require'])('is there for %s, and serves', async (kind) => {
    const bindings = {
      'back-call': 'createCallServer',
      'back-call/client': 'joinCall',
      'back-call/react': 'useVoiceCall',
      react: 'createElement',
      'react-dom/server': 'renderToString',
    };
    const lines = Object.entries(bindings).map(([from, name]) =>
      kind === 'import' ? `import { ${name} } from '${from}';` : `const { ${name} } = require('${from}');`,
    );
    const script = `${lines.join('\n')}
      const Component = () => useVoiceCall('standup', 'ada').state;
      const calls = createCallServer({ logLevel: 'silent', stunUrls: [] });
      calls.listen(0, '127.0.0.1').then(async ({ port }) => {
        const { status } = await fetch('http://127.0.0.1:' + port + '/health');
        console.log(status, typeof joinCall, renderToString(createElement(Component)));
        process.exit();
      });`;
    const type = kind === 'import' ? 'module' : 'commonjs';
    expect(await run('node', `--input-type=${type}`, '--eval', script)).toBe('200 function idle\n');
  });

  it('starts by npx, serves everything, and ends when npx is ended', async () => {
    const { HOME = '' } = env;
    const command: [string, ...string[]] = ['npx', 'back-call', '--port', '0'];
    const { server, port } = await ServerProcess.start({ HOME, STUN_URLS: '' }, { command, cwd: folder });
    const url = `http://127.0.0.1:${port}`;
    expect((await get(`${url}/health`)).status).toBe(200);
    expect(await (await fetch(`${url}/client/back-call.js`)).text()).toContain('BackCall');
    expect(await (await fetch(`${url}/demo/`)).text()).toContain('<script');
    expect((await fetch(`${url}/socket.io/socket.io.min.js`)).status).toBe(200);
    await server.end('SIGTERM');
    expect(await server.said('stopped')).toMatchObject({ reason: 'all closed' });
  });

  it('tells by npx which version it is, and what it can do', async () => {
    expect(await run('npx', 'back-call', '--version')).toBe(`${version}\n`);
    expect(await run('npx', 'back-call', '--help')).toContain('--port');
  });
});

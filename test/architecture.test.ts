// Imports run one way. ARCHITECTURE.md says which.

import { readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const all = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((path) => /\.tsx?$/.test(path));
const isForBrowsers = (file: string) => /^(client|react|demo)\//.test(file);
/** The service; what runs in browsers has rules of its own. */
const files = all.filter((file) => !isForBrowsers(file));
const source = (file: string) => readFileSync(join('src', file), 'utf8');
const importsOf = (file: string) =>
  [...source(file).matchAll(/^(?:import|export) .*?from '(\.[^']+)';/gms)]
    .map(([, path]) => normalize(join(file, '..', path ?? '')))
    .filter((path) => !path.startsWith('..'));

/** From the inside out: a file imports from its own ring and from those before it. */
const RINGS = [
  [
    'json',
    'clock',
    'blocked-ports',
    'names',
    'doors',
    'protocol',
    'errors',
    'turns',
    'redaction',
    'redacting-logger',
    'log-output',
    'log-values',
    'logger',
    'workers',
    'config/config',
    'config/nearest',
    'config/parsed',
    'config/misspelt',
    'config/complaints',
    'config/origins',
    'config/ice-urls',
    'config/ice-warnings',
    'config/trusted-proxies',
    'config/socket-path',
    'config/redis-url',
    'config/secrets',
    'config/options',
    'config/variables',
    'config/environment',
    'config/index',
  ],
  [
    'peer-proof',
    'rooms',
    'difference',
    'directory',
    'ice',
    'identity/identity',
    'identity/hosts',
    'identity/authority',
    'identity/ownership',
    'identity/private-file',
    'identity/own',
    'identity/given',
    'identity/index',
  ],
  [
    'backplane/index',
    'backplane/window-limiter',
    'backplane/memory',
    'backplane/redis/scripts/pieces',
    'backplane/redis/scripts/nodes',
    'backplane/redis/scripts/seats',
    'backplane/redis/scripts/messages',
    'backplane/redis/scripts/index',
    'backplane/redis/link',
    'backplane/redis/rooms',
    'backplane/redis/peers',
    'backplane/redis/post',
    'backplane/redis/index',
  ],
  [
    'transport/byte-allowance',
    'transport/engine',
    'transport/files',
    'transport/trust-page',
    'transport/trust',
    'transport/packet-log',
    'transport/offsets',
    'transport/recovery',
    'transport/limits',
    'refusal-log',
    'transport/pipelining',
    'transport/plain',
    'transport/listener',
    'transport/proxies',
    'transport/slashes',
    'transport/path-conflicts',
    'transport/late-disconnects',
    'transport/descriptors',
    'transport/connections',
    'transport/health-check',
    'transport/origins',
    'transport/packets',
    'transport/upgrade',
    'transport/expire-filter',
    'transport/waiting-room',
    'transport/peer-frames',
    'transport/peer-guard',
    'transport/peers',
    'transport/audience',
    'transport/announcer',
    'transport/sockets',
    'transport/http',
  ],
  ['call-server'],
  ['cli', 'env-file', 'greeting', 'server', 'index'],
];
const ringOf = (module: string) => RINGS.findIndex((ring) => ring.includes(module));

describe('the architecture', () => {
  it('has a place for every file', () => {
    expect(RINGS.flat().sort()).toEqual(files.map((file) => file.replace(/\.ts$/, '')).sort());
  });

  it.each(files)('%s imports inwards only', (file) => {
    const own = ringOf(file.replace(/\.ts$/, ''));
    for (const imported of importsOf(file)) expect(ringOf(imported), imported).toBeLessThanOrEqual(own);
  });

  it('has doors that do not know one another', () => {
    const doors = ['transport/http', 'transport/sockets', 'transport/peers', 'transport/upgrade'];
    for (const door of doors)
      for (const imported of importsOf(`${door}.ts`))
        expect(doors, `${door} imports ${imported}`).not.toContain(imported);
  });

  it('knows sockets, HTTP and Express in the doors alone', () => {
    const outward = /from '(node:http|node:net|express|socket\.io|engine\.io|ws|peer)'/;
    const knowing = files.filter((file) => outward.test(source(file)));
    expect(knowing.filter((file) => !/^(transport\/|call-server)/.test(file))).toEqual([]);
  });

  it('reads, hears and ends the process in one file', () => {
    const touching = files.filter((file) => /\bprocess\.(env|on|exit|argv)\b/.test(source(file)));
    // An application that embeds the server may be a worker, too.
    expect(touching).toEqual(['server.ts', 'workers.ts']);
  });

  it('lets browsers have of the service only types, and where its doors are', () => {
    for (const file of all.filter((path) => path.startsWith('client/')))
      for (const [statement, imported = ''] of source(file).matchAll(/^(?:import|export) [^;]*? from '(\.\.[^']+)';/gm))
        if (imported !== '../doors') expect(statement, file).toMatch(/^(import|export) type [^;]*'\.\.\/protocol';$/);
  });

  it('builds the hook on the client as apps get it, and the demo on these two alone', () => {
    const outward = (folder: string) =>
      all
        .filter((file) => file.startsWith(`${folder}/`))
        .flatMap(importsOf)
        .filter((imported) => !imported.startsWith(`${folder}/`));
    expect(new Set(outward('react'))).toEqual(new Set(['client']));
    expect(outward('demo').filter((imported) => !['client', 'react'].includes(imported))).toEqual([]);
  });

  it('tells in the first line of each file why it exists', () => {
    for (const file of all) expect(source(file), file).toMatch(/^(#!.+\n)?\/\/ \S/);
  });
});

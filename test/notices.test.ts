// What is bundled goes out with its license, and under none that would ask more of us than that.

import { readFileSync } from 'node:fs';
import { build, type BuildOptions } from 'esbuild';
import { expect, it } from 'vitest';
import { slim } from '../scripts/slim';
import { needBuild } from './need';

await needBuild();

const NOTICES = 'dist/NOTICES.txt';

/** Licenses that ask for being named, and for nothing else. */
const PERMISSIVE = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];

/** What a license says in one way or the other: what may be done with it, and that nobody answers for it. */
const LICENSE_TEXT = /(permi(ssion|tted)|licen[cs]e)[^]*(warrant|as[ -]is)/i;

/** Every package of which a file goes into a bundle, as NOTICES.txt names it. */
async function bundled(): Promise<string[]> {
  const options = { bundle: true, format: 'esm', metafile: true, write: false } satisfies BuildOptions;
  const bundling = [
    build({ ...options, entryPoints: ['src/server.ts'], platform: 'node', plugins: [slim] }),
    build({ ...options, entryPoints: ['src/client/index.ts', 'src/demo/main.tsx'], outdir: 'dist' }),
  ];
  const outputs = (await Promise.all(bundling)).flatMap(({ metafile }) => Object.values(metafile.outputs));
  const inputs = outputs.flatMap((output) => Object.keys(output.inputs));
  const folders = inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []);
  return [...new Set(folders.map(titleOf))].sort();
}

function titleOf(folder: string): string {
  const manifest = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as Record<string, string>;
  return `${manifest.name ?? ''} ${manifest.version ?? ''} (${manifest.license ?? ''})`;
}

it('NOTICES.txt has the license of every package in the bundles, and all of them are permissive', async () => {
  const [, ...sections] = readFileSync(NOTICES, 'utf8').split(`\n${'-'.repeat(80)}\n\n`);
  const noted = new Map(sections.map((section) => [section.split('\n', 1)[0] ?? '', section]));
  const titles = await bundled();
  // What is known to be in them proves that the metafiles are read as they should be.
  const names = titles.map((title) => title.split(' ', 1)[0]);
  expect(names).toEqual(expect.arrayContaining(['express', 'peer', 'peerjs', 'react-dom', '@peculiar/x509']));

  expect(titles.filter((title) => !LICENSE_TEXT.test(noted.get(title) ?? ''))).toEqual([]);
  const licenses = [...noted.keys()].map((title) => /\((.*)\)$/.exec(title)?.[1] ?? title);
  expect(licenses.filter((license) => !PERMISSIVE.includes(license))).toEqual([]);
});

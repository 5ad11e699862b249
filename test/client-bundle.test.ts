// What is in the SDK that pages load: itself and its two dependencies, and nothing of the server.

import { readFileSync } from 'node:fs';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

interface Lock {
  packages: Record<string, { dependencies?: Record<string, string> }>;
}

/** These packages and what they depend on, and so on, by name. */
function treesOf(...roots: string[]): Set<string> {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lock;
  const names = new Set(roots);
  // A set that grows while it is walked is walked to its new end.
  for (const name of names)
    for (const [path, { dependencies = {} }] of Object.entries(packages))
      if (packageOf(path) === name) for (const dependency of Object.keys(dependencies)) names.add(dependency);
  return names;
}

const packageOf = (path: string) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1];

it('the client brings its own files, the names of the doors, and its two dependencies', async () => {
  const { metafile } = await build({
    entryPoints: ['src/client/index.ts'],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    metafile: true,
    write: false,
  });
  const inputs = Object.keys(metafile.inputs);
  const packages = new Set(inputs.map(packageOf).filter((name) => name !== undefined));
  const allowed = treesOf('peerjs', 'socket.io-client');
  expect([...packages].filter((name) => !allowed.has(name))).toEqual([]);
  // Whatever is of one of them proves that paths are read as they should be.
  expect([...packages]).toEqual(
    expect.arrayContaining(['peerjs', 'webrtc-adapter', 'socket.io-client', 'engine.io-client']),
  );

  const own = inputs.filter((path) => packageOf(path) === undefined);
  expect(own).toContain('src/client/index.ts');
  expect(own.filter((path) => !path.startsWith('src/client/'))).toEqual(['src/doors.ts']);
});

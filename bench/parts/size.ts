// What a page loads to make calls.

import { gzipSync } from 'node:zlib';
import type { BuildOptions } from 'esbuild';
import { bundle } from '../bundle';
import { fixed, printTable } from '../table';

const CLIENT = 'src/client/index.ts';
const DEPENDENCIES = ['peerjs', 'socket.io-client'];

const MEASURED: Record<string, BuildOptions> = {
  'client with its dependencies': { entryPoints: [CLIENT] },
  'client without them': { entryPoints: [CLIENT], external: DEPENDENCIES },
  // What the client takes of each, and a page without the client would.
  'peerjs alone': { stdin: { contents: "export { default } from 'peerjs'", resolveDir: '.' } },
  'socket.io-client alone': { stdin: { contents: "export { io } from 'socket.io-client'", resolveDir: '.' } },
};

export async function size(): Promise<void> {
  const rows = [];
  for (const [name, options] of Object.entries(MEASURED)) {
    const code = await bundle(options);
    rows.push([name, kilobytes(code), kilobytes(gzipSync(code, { level: 9 }))]);
  }
  printTable('(f) size of the client', ['', 'minified', 'gzipped'], rows);
}

const kilobytes = (code: Uint8Array) => fixed(code.length / 1000, 1, 'kB');

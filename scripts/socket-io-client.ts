// Copies the browser builds of the installed socket.io-client, which the server serves as Socket.IO does.

import { cpSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';
import { socketClientFiles } from '../src/doors';

/** Without source maps, which are larger than all of these files. */
export const socketIoClient: Plugin = {
  name: 'socket-io-client',
  setup(build) {
    const { outdir = 'dist' } = build.initialOptions;
    const root = dirname(createRequire(import.meta.url).resolve('socket.io-client/package.json'));
    build.onEnd(() => {
      for (const file of socketClientFiles) cpSync(join(root, 'dist', file), join(outdir, 'socket.io', file));
    });
  },
};

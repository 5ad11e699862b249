// Code for pages, in one file, as small as it gets.

import { build, type BuildOptions } from 'esbuild';

export async function bundle(options: BuildOptions): Promise<Uint8Array> {
  const { outputFiles } = await build({
    format: 'esm',
    ...options,
    bundle: true,
    minify: true,
    target: 'es2022',
    platform: 'browser',
    write: false,
  });
  return outputFiles[0]?.contents ?? new Uint8Array();
}

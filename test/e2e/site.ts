// The web site that the pages of the browser tests come from: another origin than the call server's.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { listenOnLoopback } from '../free-port';
import type { Setting } from './page/frontend';

const fileOf = (name: string) => fileURLToPath(new URL(`page/${name}`, import.meta.url));

/** One file of the page with all that it imports, as a classic script. */
export async function bundle(name: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileOf(name)],
    bundle: true,
    format: 'iife',
    target: 'es2022',
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}

/** A page with nothing but a script. */
const pageWith = (script: string) =>
  `<!doctype html><meta charset="utf-8" /><link rel="icon" href="data:," /><script src="${script}" defer></script>`;

export class Site {
  readonly origin: string;
  readonly close: () => Promise<void>;

  private constructor(origin: string, close: () => Promise<void>) {
    this.origin = origin;
    this.close = close;
  }

  static async open(): Promise<Site> {
    const files: Record<string, { type: string; body: string }> = {
      '/': { type: 'text/html', body: readFileSync(fileOf('index.html'), 'utf8') },
      '/empty': { type: 'text/html', body: '<!doctype html><link rel="icon" href="data:," />' },
      '/frontend.js': { type: 'text/javascript', body: await bundle('frontend.ts') },
      '/sdk': { type: 'text/html', body: pageWith('/sdk.js') },
      '/sdk.js': { type: 'text/javascript', body: await bundle('sdk.ts') },
    };
    const server = createServer((req, res) => {
      const file = files[req.url?.split('?')[0] ?? ''];
      if (file) res.setHeader('Content-Type', file.type).end(file.body);
      else res.writeHead(404).end();
    });
    const port = await listenOnLoopback(server);
    return new Site(`http://127.0.0.1:${port}`, async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    });
  }

  /** The address of the page in this setting. */
  pageFor(setting: Setting): string {
    return `${this.origin}/?${new URLSearchParams({ setting: JSON.stringify(setting) }).toString()}`;
  }
}

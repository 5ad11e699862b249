// A browser, and the site that its pages come from: one page for each way into a call.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { BuildOptions } from 'esbuild';
import { chromium, type Browser, type Page } from 'playwright-core';
import { CLIENT_PATH } from '../src/doors';
import { pathOf } from '../test/e2e/programs';
import { bundle } from './bundle';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  // A microphone that beeps, and no question about it.
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
  // Pages hear each other on a machine without any network, too.
  '--allow-loopback-in-peer-connection',
];

/** `bare` is WebRTC alone within one page, `readme` the README's example without the SDK. */
export type Way = 'bare' | 'readme' | 'sdk';

export class BenchBrowser {
  readonly #browser: Browser;
  readonly #site: Server;
  readonly #stopwatch: string;

  private constructor(browser: Browser, site: Server, stopwatch: string) {
    this.#browser = browser;
    this.#site = site;
    this.#stopwatch = stopwatch;
  }

  /** @param server - the address of the call server. */
  static async start(server: string): Promise<BenchBrowser> {
    const launched = chromium.launch({ executablePath: pathOf('chromium'), args: FLAGS });
    return new BenchBrowser(await launched, await openSite(server), await script(fileNamed('stopwatch')));
  }

  /** A page as new as that of somebody who has never been here. Close its context when done. */
  async open(way: Way): Promise<Page> {
    const context = await this.#browser.newContext();
    await context.addInitScript({ content: this.#stopwatch });
    const page = await context.newPage();
    const { port } = this.#site.address() as AddressInfo;
    await page.goto(`http://127.0.0.1:${port}/${way}`);
    return page;
  }

  async end(): Promise<void> {
    await this.#browser.close();
    this.#site.close();
  }
}

async function openSite(server: string): Promise<Server> {
  const files: Record<string, string> = {
    '/bare': pageWith('/bare.js'),
    '/bare.js': await script(fileNamed('bare')),
    '/readme': pageWith('/readme.js'),
    '/readme.js': await script({ stdin: { contents: readmePage(), resolveDir: process.cwd() } }),
    '/sdk': pageWith(server + CLIENT_PATH, '/sdk.js'),
    '/sdk.js': await script(fileNamed('sdk')),
  };
  const site = createServer(({ url = '' }, res) => {
    const type = url.endsWith('.js') ? 'text/javascript' : 'text/html';
    res.setHeader('Content-Type', type).end(files[url]);
  });
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
  return site;
}

const pageWith = (...scripts: string[]) =>
  '<!doctype html><meta charset="utf-8" /><link rel="icon" href="data:," />' +
  scripts.map((src) => `<script src="${src}"></script>`).join('');

const fileNamed = (name: string) => ({ entryPoints: [fileURLToPath(new URL(`pages/${name}.ts`, import.meta.url))] });

/** As a classic script, which runs before the page is there. */
async function script(options: BuildOptions): Promise<string> {
  return new TextDecoder().decode(await bundle({ ...options, format: 'iife' }));
}

/** The example as it stands in the README, with what it says that a page brings. */
function readmePage(): string {
  const example = /```js\n(?<imports>import Peer (?:[^\n]+\n)+)(?<code>.*?)```/s.exec(
    readFileSync('README.md', 'utf8'),
  );
  const { imports, code } = example?.groups ?? {};
  const address = "'http://localhost:5000'";
  if (!imports || !code?.includes(address)) throw new Error('The example of the README is not what it was.');
  return `${imports}
    window.enter = async ({ server: address, meetingId, userId }) => {
      window.stopwatch.start();
      const username = userId;
      const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
      const play = (_peerId, stream) => void Object.assign(new Audio(), { srcObject: stream }).play();
      const stop = () => undefined;
      ${code.replace(address, 'address')}
    };`;
}

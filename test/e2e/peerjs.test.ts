// Pages with unmodified PeerJS clients of several versions, as published: the rules P1, P2 and P6 of docs/rules.md.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { before } from '../helpers';
import { Stage, type Caller } from './browser';
import { bundle } from './site';

/** The folder and the version of each client. */
const CLIENTS = ['peerjs-1.3', 'peerjs-1.4', 'peerjs'].map((name) => {
  const folder = `node_modules/${name}`;
  const { version } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as { version: string };
  return { folder, version };
});
type Client = (typeof CLIENTS)[number];

/** What applications pass by mistake, and how PeerJS names it in its error. */
const MISTAKES: [to: unknown, name: string][] = [
  ...['friend-1 ', 'a@b.c', 'jürgen', 'x'.repeat(200), ''].map((to): [string, string] => [to, to]),
  [5, '5'],
  [{ id: 'bob' }, '[object Object]'],
];

/** A page with a client, which is connected to the broker. */
class PeerPage {
  private constructor(
    readonly caller: Caller,
    readonly id: string,
  ) {}

  static async open(stage: Stage, server: string, { folder, version }: Client): Promise<PeerPage> {
    const caller = await stage.visit(`${stage.origin}/empty`, version);
    await caller.page.addScriptTag({ path: `${folder}/dist/peerjs.min.js` });
    await caller.page.addScriptTag({ content: await bundle('peerjs.ts') });
    const { hostname: host, port } = new URL(server);
    const options = { host, port: Number(port), path: '/peerjs', config: {} };
    const id = await before(
      caller.page.evaluate((options) => window.peerPage.open(options), options),
      () => `${version} opens`,
    );
    return new PeerPage(caller, id);
  }

  async exchangesDataWith(other: PeerPage): Promise<void> {
    const text = `${this.caller.userId} to ${other.caller.userId}`;
    const sent = this.caller.page.evaluate(([to, text]) => window.peerPage.exchange(to, text), [
      other.id,
      text,
    ] as const);
    expect(await before(sent, () => `data from ${text}`)).toBe(text);
  }

  call(other: PeerPage): Promise<void> {
    return this.caller.page.evaluate((to) => window.peerPage.call(to), other.id);
  }

  failure(kind: 'data' | 'media', to: unknown): Promise<{ type: string; message: string }> {
    const failed = this.caller.page.evaluate(([kind, to]) => window.peerPage.failure(kind, to as string), [
      kind,
      to,
    ] as const);
    return before(failed, () => `an error for ${kind} to ${JSON.stringify(to)}`);
  }

  status(): Promise<{ open: boolean; disconnected: boolean; id: string }> {
    return this.caller.page.evaluate(() => window.peerPage.status());
  }

  events(): Promise<string[]> {
    return this.caller.page.evaluate(() => window.peerPage.events);
  }

  /** How many WebSockets the page opened. */
  socketCount(): number {
    return this.caller.requested.filter((address) => address.startsWith('ws:')).length;
  }
}

for (const client of CLIENTS)
  test(`[P1] [P2] [P6] PeerJS ${client.version} calls, survives mistyped peer ids, and reconnects`, async () => {
    const stage = await Stage.open();
    const { url } = await stage.serve();
    const ada = await PeerPage.open(stage, url, client);
    const bob = await PeerPage.open(stage, url, client);

    for (const [to, name] of MISTAKES)
      for (const kind of ['data', 'media'] as const)
        expect(await ada.failure(kind, to)).toEqual({
          type: 'peer-unavailable',
          message: `Could not connect to peer ${name}`,
        });
    expect(await ada.status()).toEqual({ open: true, disconnected: false, id: ada.id });

    await ada.exchangesDataWith(bob);
    await bob.exchangesDataWith(ada);
    await ada.call(bob);
    await Promise.all([ada.caller.hears(1), bob.caller.hears(1)]);
    // Candidates of the failed connections caused no errors of their own.
    const errors = Array.from({ length: 2 * MISTAKES.length }, () => 'error peer-unavailable');
    expect(await ada.events()).toEqual(['open', ...errors]);
    expect(ada.socketCount()).toBe(1);

    await ada.caller.page.evaluate(() => window.peerPage.disconnect());
    const back = ada.caller.page.evaluate(() => window.peerPage.reconnect());
    expect(await before(back, () => 'the client reconnects')).toBe(ada.id);
    await ada.exchangesDataWith(bob);
    await bob.exchangesDataWith(ada);
    await Promise.all([ada.caller.hears(1), bob.caller.hears(1)]);
    expect(await ada.events()).toEqual(['open', ...errors, 'disconnected', 'open']);
    expect(await bob.events()).toEqual(['open']);
  });

test(`[P1] PeerJS ${CLIENTS.map(({ version }) => version).join(', ')} call each other`, async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const pages: PeerPage[] = [];
  for (const client of CLIENTS) pages.push(await PeerPage.open(stage, url, client));

  for (const from of pages)
    for (const to of pages)
      if (from !== to) {
        await from.exchangesDataWith(to);
        await from.call(to);
      }
  // Each page called both others, and both others called it.
  await Promise.all(pages.map(({ caller }) => caller.hears(4)));
  expect(await Promise.all(pages.map((page) => page.events()))).toEqual(pages.map(() => ['open']));
});

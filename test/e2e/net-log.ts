// Whom a browser spoke to, from its own record of every socket: STUN and TURN are seen here, which no page event tells.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

interface NetLogFile {
  constants: { logEventTypes: Record<string, number> };
  events: { type: number; params?: { address?: string; url?: string } }[];
}

export interface Contacts {
  /** The hosts of all URLs that were asked for: by pages, and by the browser itself. */
  hosts: Set<string>;
  /** The addresses that anything was sent to, without ports. */
  addresses: Set<string>;
}

export class NetLog {
  readonly #folder = mkdtempSync(join(tmpdir(), 'net-log-'));
  readonly #file = join(this.#folder, 'log.json');

  constructor() {
    onTestFinished(() => rmSync(this.#folder, { recursive: true }));
  }

  /** Makes a browser keep the record. */
  get flag(): string {
    return `--log-net-log=${this.#file}`;
  }

  /** What the record says, once the browser is closed. */
  read(): Contacts {
    const { constants, events } = JSON.parse(readFileSync(this.#file, 'utf8')) as NetLogFile;
    const named = (...names: string[]) => {
      const types = new Set(names.map((name) => constants.logEventTypes[name]));
      if (types.has(undefined)) throw new Error(`This browser keeps no record of some of ${names.join(', ')}.`);
      return events.filter(({ type }) => types.has(type)).map(({ params }) => params ?? {});
    };
    const urls = named('URL_REQUEST_START_JOB').flatMap(({ url }) => (url ? [url] : []));
    const ends = named('UDP_BYTES_SENT', 'TCP_CONNECT_ATTEMPT').flatMap(({ address }) => (address ? [address] : []));
    return {
      hosts: new Set(urls.map((url) => new URL(url).hostname)),
      addresses: new Set(ends.map((end) => end.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1'))),
    };
  }
}

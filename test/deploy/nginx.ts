// nginx as a document sets it up, in front of call servers on loopback; and what its tests ask through it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, vi } from 'vitest';
import { code } from '../documents';
import { freePort } from '../free-port';
import { before, Inbox, type PeerWire } from '../helpers';
import { certify } from '../certify';
import { pathOf } from '../e2e/programs';
import { needPrograms } from '../need';

await needPrograms('nginx');

export interface Nginx {
  url: string;
  port: number;
  /** Reads its configuration again: new processes take new connections, the old ones keep theirs. */
  reload(): Promise<void>;
}

/** Where a document has its servers, and on which ports of loopback they are here. */
export type ServerPorts = Record<string, number>;

/** For Socket.IO's client, which asks who vouches for a certificate whatever the environment says. */
export const OURS = { rejectUnauthorized: false };

/**
 * Starts nginx, and settles when it takes connections; it ends with the test.
 *
 * @param edit - changes the configuration of the document
 */
export async function startNginx(
  document: string,
  serverPorts: ServerPorts,
  edit = (configuration: string) => configuration,
): Promise<Nginx> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'));
  // Started by root it works as another user, who has to get in.
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, 'nginx.conf'), edit(configuration(document, port, serverPorts)));
  certify(folder);

  const nginx = spawn(pathOf('nginx'), ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const log = new Inbox<string>();
  createInterface(nginx.stderr).on('line', (line) => log.put(line));
  const said = (words: string) => log.next((line) => line.includes(words), `nginx saying “${words}”`);
  const ended = once(nginx, 'exit');
  onTestFinished(async () => {
    // Not SIGKILL, which its worker processes would survive.
    nginx.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true });
  });
  // The certificate is our own, and nobody vouches for it.
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  onTestFinished(() => void vi.unstubAllEnvs());

  await said('start worker process ');
  return {
    url: `https://127.0.0.1:${port}`,
    port,
    reload: async () => {
      nginx.kill('SIGHUP');
      await said('gracefully shutting down');
    },
  };
}

/** The status of a GET from another address of this machine. */
export function statusFor(
  localAddress: string,
  url: string,
  headers: Record<string, string> = {},
): Promise<number | undefined> {
  const answer = new Promise<number | undefined>((resolve, reject) => {
    request(url, { localAddress, headers, agent: false }, (res) => resolve(res.resume().statusCode))
      .on('error', reject)
      .end();
  });
  return before(answer, () => `an answer to ${localAddress}`);
}

/** One peer reaches another. */
export async function relays(from: PeerWire, to: PeerWire, dst: string): Promise<void> {
  from.send({ type: 'OFFER', dst, payload: 'hello' });
  expect((await to.next('OFFER')).payload).toBe('hello');
}

/** The document's configuration, with ports and files of ours, and what nginx needs around it to leave no trace elsewhere. */
function configuration(document: string, port: number, serverPorts: ServerPorts): string {
  const ours = {
    'listen 443 ssl': `listen 127.0.0.1:${port} ssl`,
    '/etc/letsencrypt/live/calls.example/fullchain.pem': 'certificate.pem',
    '/etc/letsencrypt/live/calls.example/privkey.pem': 'key.pem',
    ...Object.fromEntries(Object.entries(serverPorts).map(([theirs, our]) => [theirs, `127.0.0.1:${our}`])),
  };
  const configured = Object.entries(ours).reduce(
    (text, [theirs, our]) => {
      if (!text.includes(theirs)) throw new Error(`${document} has no ${theirs}`);
      return text.replaceAll(theirs, our);
    },
    code(readFileSync(document, 'utf8'), 'nginx'),
  );
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`);
  return `
    daemon off;
    pid nginx.pid;
    error_log stderr notice;
    events {}
    http {
      access_log off;
      ${folders.join(' ')}
      ${configured}
    }
  `;
}

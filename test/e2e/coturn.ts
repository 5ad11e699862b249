// A real TURN server, coturn, on loopback, that shares a secret with the call server.

import { spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { freePort } from '../free-port';
import { needPrograms } from '../need';
import { pathOf } from './programs';
import { DEADLINE_MS } from '../helpers';

await needPrograms('coturn');

export interface Coturn {
  port: number;
  url: string;
  secret: string;
  /** Nothing goes through it any more, neither media nor what would set up new media. */
  halt(): void;
  resume(): void;
}

/** Options for a relay between clients on this machine. */
const LOCAL = ['--relay-ip=127.0.0.1', '--allow-loopback-peers', '--realm=back-call'];

/**
 * Starts coturn, and settles when it accepts connections; it ends with the test. `configuration` is the text of a
 * turnserver.conf, without which coturn relays on loopback.
 */
export async function startCoturn(configuration?: string): Promise<Coturn> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'coturn-'));
  const file = join(folder, 'turnserver.conf');
  const [, secret = randomUUID()] = /^static-auth-secret=(.*)$/m.exec(configuration ?? '') ?? [];
  if (configuration !== undefined) writeFileSync(file, configuration);
  const coturn = spawn(
    pathOf('coturn'),
    [
      ...(configuration === undefined ? ['-n', ...LOCAL] : ['-c', file, '--relay-ip=127.0.0.1', '--relay-ip=::1']),
      // No database outside of the folder, no control port.
      '--no-cli',
      `--userdb=${join(folder, 'turndb')}`,
      `--pidfile=${join(folder, 'pid')}`,
      '--log-file=stdout',
      `--listening-port=${port}`,
      '--listening-ip=127.0.0.1',
      '--no-tls',
      '--no-dtls',
      '--use-auth-secret',
      `--static-auth-secret=${secret}`,
    ],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  coturn.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  coturn.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(coturn, 'exit');
  onTestFinished(async () => {
    coturn.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true });
  });

  const isUp = async () => {
    if (coturn.exitCode !== null) throw new Error(`coturn ended:\n${output}`);
    const wire = connect(port, '127.0.0.1');
    await once(wire, 'connect');
    wire.destroy();
  };
  await vi.waitFor(isUp, { timeout: DEADLINE_MS });
  return {
    port,
    url: `turn:127.0.0.1:${port}?transport=udp`,
    secret,
    halt: () => coturn.kill('SIGSTOP'),
    resume: () => coturn.kill('SIGCONT'),
  };
}

/** Credentials by the scheme that coturn calls `use-auth-secret`, written down once more and not taken from src/ice.ts. */
export function credentialsUntil(expiry: Date, { url, secret }: Coturn): RTCIceServer {
  const username = `${Math.floor(expiry.getTime() / 1000)}:somebody`;
  return { urls: url, username, credential: createHmac('sha1', secret).update(username).digest('base64') };
}

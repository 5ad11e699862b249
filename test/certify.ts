// A certificate for loopback, which vouches for itself.

import { spawnSync } from 'node:child_process';
import { pathOf } from './e2e/programs';
import { needPrograms } from './need';

await needPrograms('openssl');

/** Leaves `key.pem` and `certificate.pem` in the folder. */
export function certify(folder: string): void {
  const command =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 ' +
    '-subj /CN=calls.example -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out certificate.pem';
  const { status, stderr } = spawnSync(pathOf('openssl'), command.split(' '), { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl made no certificate:\n${stderr}`);
}

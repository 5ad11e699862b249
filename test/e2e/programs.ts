// Where the programs are that the tests run.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { env } from 'node:process';

interface Installed {
  names: string[];
  /** Outside of PATH. */
  places: string[];
  /** The Debian package that brings it. */
  pack: string;
}

const PROGRAMS = {
  chromium: {
    names: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'],
    places: [
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    ],
    pack: 'chromium',
  },
  coturn: {
    names: ['turnserver'],
    places: ['/usr/local/bin/turnserver', '/opt/homebrew/bin/turnserver'],
    pack: 'coturn',
  },
  nginx: {
    names: ['nginx'],
    // Debian keeps it from the PATH of ordinary users.
    places: ['/usr/sbin/nginx', '/usr/local/bin/nginx', '/opt/homebrew/bin/nginx'],
    pack: 'nginx-light',
  },
  redis: {
    names: ['redis-server', 'valkey-server'],
    places: ['/usr/local/bin/redis-server', '/opt/homebrew/bin/redis-server'],
    pack: 'redis-server',
  },
  openssl: { names: ['openssl'], places: [], pack: 'openssl' },
  ip: { names: ['ip'], places: ['/usr/sbin/ip'], pack: 'iproute2' },
  tcpdump: { names: ['tcpdump'], places: ['/usr/sbin/tcpdump'], pack: 'tcpdump' },
  certutil: { names: ['certutil'], places: [], pack: 'libnss3-tools' },
} satisfies Record<string, Installed>;

export type Program = keyof typeof PROGRAMS;

/** The path of an installed program, or undefined. `CHROMIUM_PATH` and its like go before what is found. */
export function findProgram(program: Program): string | undefined {
  const { names, places } = PROGRAMS[program];
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  const chosen = env[`${program.toUpperCase()}_PATH`];
  return [...(chosen ? [chosen] : []), ...candidates, ...places].find((path) => existsSync(path));
}

export function pathOf(program: Program): string {
  const path = findProgram(program);
  if (path === undefined) throw new Error(`The tests need ${program}; please install it.`);
  return path;
}

/** The Debian packages of those programs that are not installed. */
export function missingPackages(programs: Program[]): string[] {
  return programs.filter((program) => findProgram(program) === undefined).map((program) => PROGRAMS[program].pack);
}

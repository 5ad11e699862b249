// The licenses of what the build bundles: they have to travel with it.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';

interface Manifest {
  name: string;
  version: string;
  license?: string;
}

const LICENSE_FILE = /^(licen[cs]e|copying|notice)/i;

/** Keeps in `file` what all bundles together contain, each of which gets this same plugin. */
export function notices(file: string): Plugin {
  const texts = new Map<string, string>();
  return {
    name: 'notices',
    setup(build) {
      build.initialOptions.metafile = true;
      build.onEnd(({ metafile }) => {
        if (!metafile) return;
        for (const output of Object.values(metafile.outputs))
          for (const input of Object.keys(output.inputs)) {
            const [, folder] = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input) ?? [];
            if (folder !== undefined && !texts.has(folder)) texts.set(folder, noticeOf(folder));
          }
        const sorted = [...new Set(texts.values())].sort();
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(
          file,
          ['This software contains the following packages.\n', ...sorted].join(`\n${'-'.repeat(80)}\n\n`),
        );
      });
    },
  };
}

function noticeOf(folder: string): string {
  const { name, version, license = 'see below' } = manifestOf(folder);
  const texts = textsIn(folder);
  // A version that came without its license got it later.
  if (texts.length === 0) texts.push(...textsIn(join('node_modules', name)));
  if (texts.length === 0) throw new Error(`${name} ${version} must not be bundled: it brings no license`);
  return [`${name} ${version} (${license})`, ...texts].join('\n\n') + '\n';
}

const manifestOf = (folder: string) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

function textsIn(folder: string): string[] {
  const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  const names = files.map((file) => file.name).filter((name) => LICENSE_FILE.test(name));
  return names.map((name) => readFileSync(join(folder, name), 'utf8').trim());
}

// What the server would carry without using it: its bundle is smaller without that, and starts sooner.

import { readFileSync } from 'node:fs';
import { relative, resolve, sep } from 'node:path';
import type { Plugin } from 'esbuild';

interface Lock {
  packages: Record<string, { version?: string }>;
}

/** Files that bring more than we take, and what we do take of them. */
const LESS: [file: RegExp, taken: string][] = [
  // Express hands out readers of request bodies, with all charsets of the world. No door of ours takes a body by them.
  [/body-parser[\\/]index\.js$/, 'module.exports = {};'],
  // Clients of ten databases, of which Node loads each.
  [
    /rate-limiter-flexible[\\/]index\.js$/,
    ['RateLimiterRes', 'RateLimiterRedis'].map((name) => `exports.${name} = require('./lib/${name}');`).join('\n'),
  ],
];

/** Not a path: a package, or something in one. */
const PACKAGE = /^[^./]/;

const FOLDER = /^.*node_modules\/((?:@[^/]+\/)?[^/]+)/;

/** Marks what is asked by us, so that it is not answered by us as well. */
const ASKED = Symbol();

export const slim: Plugin = {
  name: 'slim',
  setup(build) {
    const originals = findOriginals();
    for (const [filter, contents] of LESS) build.onLoad({ filter }, () => ({ contents }));
    build.onResolve({ filter: PACKAGE }, async ({ path, pluginData, ...from }) => {
      if (pluginData === ASKED) return undefined;
      const found = await build.resolve(path, { ...from, pluginData: ASKED });
      const file = relative('.', found.path).replaceAll(sep, '/');
      const [copy = ''] = FOLDER.exec(file) ?? [];
      const original = originals.get(copy);
      return original === undefined ? undefined : { ...found, path: resolve(original + file.slice(copy.length)) };
    });
  },
};

/**
 * For each further copy of a package, where the same version of it is already. npm installs one in several places when
 * another version has the place above them.
 */
function findOriginals(): Map<string, string> {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lock;
  const firsts = new Map<string, string>();
  const originals = new Map<string, string>();
  for (const [folder, { version = '' }] of Object.entries(packages)) {
    const key = `${FOLDER.exec(folder)?.[1] ?? ''} ${version}`;
    const first = firsts.get(key);
    if (first === undefined) firsts.set(key, folder);
    else originals.set(folder, first);
  }
  return originals;
}

// Texts that must agree, made to agree: documents with code, rules with tests.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'dotenv';
import { describe, expect, it } from 'vitest';
import { blockedPorts } from '../src/blocked-ports';
import { variableNames } from '../src/config';
import { errors } from '../src/errors';
import { clientEvents, serverEvents } from '../src/protocol';
import { table } from './documents';

const read = (path: string) => readFileSync(path, 'utf8');

const codes = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code);

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe('the documents', () => {
  it('list every error code with its HTTP status and sentence', () => {
    const inCode = Object.entries(errors).map(([code, { status, message }]) => [
      `\`${code}\``,
      String(status),
      message,
    ]);
    expect(table(read('docs/protocol.md'), 'Error codes')).toEqual(inCode);
    const inReadme = table(read('README.md'), 'Errors').map((cells) => cells.slice(0, 2));
    expect(inReadme).toEqual(inCode.map((cells) => cells.slice(0, 2)));
  });

  it('list every event', () => {
    const protocol = read('docs/protocol.md');
    const sent = table(protocol, 'What a client sends').flatMap(([event]) => codes(event));
    expect(sent.sort()).toEqual(Object.keys(clientEvents).sort());
    const heard = table(protocol, 'What a client hears').flatMap(([event]) => codes(event));
    expect(heard).toEqual(serverEvents);
    const inReadme = table(read('README.md'), 'Events').flatMap(([event]) => codes(event));
    expect(inReadme.sort()).toEqual([...Object.keys(clientEvents), ...serverEvents].sort());
  });

  it('list every environment variable with its default', () => {
    const rows = table(read('README.md'), 'Environment');
    expect(rows.flatMap(([name]) => codes(name))).toEqual(variableNames);
    const defaults = Object.fromEntries(
      rows.flatMap(([name, value]) => codes(value).map((text) => [codes(name)[0], text])),
    ) as unknown;
    expect(defaults).toEqual(parse(read('env.example')));
  });

  it('have a test for every rule, and a rule for every number', () => {
    const ruled = [...read('docs/rules.md').matchAll(/\*\*\[([RSPDNC]\d+)\]\*\*/g)].map(([, rule]) => rule);
    const tests = filesIn('test').filter((path) => /\.(test|contract)\.ts$/.test(path));
    const tested = tests.flatMap((path) => [...read(path).matchAll(/\[([RSPDNC]\d+)\]/g)].map(([, rule]) => rule));
    expect(new Set(ruled).size).toBe(ruled.length);
    expect([...new Set(tested)].sort()).toEqual([...ruled].sort());
  });

  it('draw every file of src where it is', () => {
    const drawn = /```\nsrc\/\n([\s\S]*?)\ntest\//.exec(read('ARCHITECTURE.md'))?.[1] ?? '';
    const names = [...drawn.matchAll(/^ {2,8}([\w-]+\.ts)/gm)].map(([, name]) => name);
    // The demo is drawn as a whole: it is a page, and shows how a page is made.
    const files = filesIn('src').filter((path) => !path.startsWith('src/demo/'));
    expect(names.sort()).toEqual(files.map((path) => path.split('/').at(-1)).sort());
  });

  it('use ports and functions in examples that browsers allow on every page', () => {
    const documents = ['README.md', 'env.example', ...filesIn('docs'), ...filesIn('examples')];
    for (const path of documents.filter((name) => !name.endsWith('.png'))) {
      const text = read(path);
      // `PORT=5000`, `--port 5000`, `port: 5000`, `localhost:5000`, `.listen(5000`
      const ports = [...text.matchAll(/(?:\bport[ =:]+|(?:localhost|\.\w+|\]):|listen\()(\d+)\b/gi)].map(([, port]) =>
        Number(port),
      );
      expect
        .soft(
          ports.filter((port) => blockedPorts.has(port)),
          path,
        )
        .toEqual([]);
      // https://w3c.github.io/webcrypto/#Crypto-method-randomUUID: only in secure contexts
      expect.soft(text, path).not.toContain('crypto.randomUUID');
    }
  });

  it('have a license, and a package that says the same', () => {
    expect(read('LICENSE')).toMatch(/^ISC License/);
    expect((JSON.parse(read('package.json')) as { license: string }).license).toBe('ISC');
  });
});

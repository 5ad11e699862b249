// npm 11 warns of packages whose install scripts nobody allowed or denied. package.json decides on each, and needs none.

import { expect, it } from 'vitest';
import { allowScripts } from '../package.json';
import { packages } from '../package-lock.json';

it('no package needs an install script, and npm is told so', () => {
  const withScripts = Object.entries(packages).filter(([, entry]) => 'hasInstallScript' in entry);
  const names = withScripts.map(([path]) => path.replace(/^.*node_modules\//, ''));
  expect(Object.fromEntries(names.map((name) => [name, false]))).toEqual(allowScripts);
});

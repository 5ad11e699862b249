// The Blueprint for Render, as far as it can be wrong without Render: names, what it asks for, and time to stop in.

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { loadConfig, variableNames } from '../../src/config';

const blueprint = readFileSync('render.yaml', 'utf8');
const named = (pattern: RegExp) => [...blueprint.matchAll(pattern)].map(([, name]) => name);

it('the Blueprint sets what there is to set, and asks for CORS_ORIGIN alone', () => {
  expect([...variableNames, 'NODE_VERSION']).toEqual(expect.arrayContaining(named(/key: (\w+)/g)));
  expect(named(/key: (\w+)\n +sync: false/g)).toEqual(['CORS_ORIGIN']);
});

it('the Blueprint leaves the server enough time to stop in', () => {
  // Render gives 30 seconds unless told otherwise, and refuses a Blueprint that tells it otherwise on a free plan.
  expect(blueprint).not.toContain('maxShutdownDelaySeconds');
  expect(loadConfig().shutdownGraceMs).toBeLessThan(30_000);
});

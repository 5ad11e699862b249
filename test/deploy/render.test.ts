// The Blueprints for Render, as far as they can be wrong without Render: names, what they ask for, time to stop in.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadConfig, variableNames } from '../../src/config';

const ONE = 'render.yaml';
const SEVERAL = 'render.nodes.yaml';

describe.each([ONE, SEVERAL])('the Blueprint %s', (path) => {
  const blueprint = readFileSync(path, 'utf8');
  const named = (pattern: RegExp) => [...blueprint.matchAll(pattern)].map(([, name]) => name);

  it('sets what there is to set, and asks for CORS_ORIGIN alone', () => {
    expect([...variableNames, 'NODE_VERSION']).toEqual(expect.arrayContaining(named(/key: (\w+)/g)));
    expect(named(/key: (\w+)\n +sync: false/g)).toEqual(['CORS_ORIGIN']);
  });

  it('sets what the server understands', () => {
    const settings = [...blueprint.matchAll(/key: (\w+)\n +value: '?([^'\n]+)'?/g)].map(([, key, value]) => [
      key,
      value,
    ]);
    expect(() => loadConfig(Object.fromEntries(settings) as Record<string, string>)).not.toThrow();
  });

  it('leaves the server enough time to stop in', () => {
    // Render gives 30 seconds unless told otherwise, and refuses a Blueprint that tells it otherwise on a free plan.
    expect(blueprint).not.toContain('maxShutdownDelaySeconds');
    expect(loadConfig().shutdownGraceMs).toBeLessThan(30_000);
  });
});

/** The settings of a service, each of a name and a text. */
function service(path: string, type: string): string {
  const services = readFileSync(path, 'utf8').split(/^ {2}- type: /m);
  const found = services.find((text) => text.startsWith(`${type}\n`));
  if (found === undefined) throw new Error(`${path} has no service of type ${type}`);
  return found;
}

describe('the Blueprint of several nodes', () => {
  it('starts the same as that of one', () => {
    const pick = (path: string) =>
      service(path, 'web').match(/^ +(runtime|buildCommand|startCommand|healthCheckPath): .*$/gm);
    expect(pick(SEVERAL)).toHaveLength(4);
    expect(pick(SEVERAL)).toEqual(pick(ONE));
  });

  it('gives its nodes one store, which keeps what it has, and which nobody else reaches', () => {
    const store = service(SEVERAL, 'keyvalue');
    const [, name] = /name: (\S+)/.exec(store) ?? [];
    expect(store).toContain('maxmemoryPolicy: noeviction');
    expect(store).toContain('ipAllowList: []');
    const nodes = service(SEVERAL, 'web');
    expect(nodes).toMatch(/numInstances: 2$/m);
    // One instance is all that a free plan has.
    expect(nodes).not.toContain('plan: free');
    const reference = new RegExp(
      `key: REDIS_URL\\n +fromService:\\n +type: keyvalue\\n +name: ${name}\\n +property: connectionString\\n`,
    );
    expect(nodes).toMatch(reference);
  });
});

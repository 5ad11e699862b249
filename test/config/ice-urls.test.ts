// Which STUN and TURN URLs the configuration accepts. test/e2e/ice-urls.test.ts compares this with Chromium. Rule D11.

import { describe, expect, it } from 'vitest';
import { ConfigError, iceWarnings, loadConfig, type VariableName } from '../../src/config';
import { ACCEPTED_HOSTS, ACCEPTED_STUN_URLS, ACCEPTED_TURN_URLS, REFUSED } from './ice-urls';

const TURN_LOGIN = { TURN_USERNAME: 'u', TURN_CREDENTIAL: 'c' };

function refusal(env: Partial<Record<VariableName, string>>): string {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
  }
  throw new Error(`${JSON.stringify(env)} is accepted`);
}

describe('STUN and TURN URLs', () => {
  it.each(ACCEPTED_STUN_URLS)('[D11] STUN_URLS=%s is read as %s', (text, url) => {
    expect(loadConfig({ STUN_URLS: text }).stunUrls).toEqual([url]);
  });

  it.each(ACCEPTED_TURN_URLS)('[D11] TURN_URLS=%s is read as %s', (text, url) => {
    expect(loadConfig({ TURN_URLS: text, TURN_SECRET: 's' }).turnRest?.urls).toEqual([url]);
  });

  it.each(ACCEPTED_HOSTS)('[D11] TURN_SERVER_URL=%s is read as %s', (text, host) => {
    expect(loadConfig({ TURN_SERVER_URL: text, ...TURN_LOGIN }).turnServer?.host).toBe(host);
  });

  it.each(REFUSED.STUN_URLS)('[D11] STUN_URLS=%s stops the start', (text) => {
    const form =
      /^STUN_URLS: found ".*", expected (a STUN URL such as stun:.*|a port from 1 to 65535|a valid IPv4 .*)$/;
    expect(refusal({ STUN_URLS: `stun:good.example,${text}` })).toMatch(form);
  });

  it.each(REFUSED.TURN_URLS)('[D11] TURN_URLS=%s stops the start', (text) => {
    const form =
      /^TURN_URLS: found ".*", expected (a TURN URL such as turn:.*|a port from 1 to 65535|a valid IPv4 .*)$/;
    expect(refusal({ TURN_URLS: text, TURN_SECRET: 's' })).toMatch(form);
  });

  it.each(REFUSED.TURN_SERVER_URL)('[D11] TURN_SERVER_URL=%s stops the start', (text) => {
    const form =
      /^TURN_SERVER_URL: found ".*", expected (host:port such as .*|a port from 1 to 65535|a valid IPv4 .*)$/;
    expect(refusal({ TURN_SERVER_URL: text, ...TURN_LOGIN })).toMatch(form);
  });

  it('[D11] a TURN user name is at most 508 bytes long', () => {
    const env = { TURN_SERVER_URL: 't:1', TURN_CREDENTIAL: 'c' };
    expect(loadConfig({ ...env, TURN_USERNAME: 'ü'.repeat(254) }).turnServer?.username).toHaveLength(254);
    expect(refusal({ ...env, TURN_USERNAME: 'ü'.repeat(255) })).toMatch(/expected a user name of at most 508 bytes$/);
  });

  it('[D11] that one browser refuses are accepted with a warning', () => {
    const warningsFor = (env: Partial<Record<VariableName, string>>) => iceWarnings(loadConfig(env));
    expect(warningsFor({ STUN_URLS: 'stuns:h:5349,stun:h:6000,stun:h,stun:h:53,stun:[::6000]' })).toEqual([
      expect.stringContaining('stuns:h:5349'),
      expect.stringContaining('Firefox blocks port 6000'),
    ]);
    const turn = { TURN_URLS: 'turn:h:443,turn:h:5060?transport=tcp', TURN_SECRET: 's' };
    expect(warningsFor(turn)).toEqual([expect.stringContaining('turn:h:5060?transport=tcp')]);
    expect(warningsFor({ TURN_SERVER_URL: 'h:25', ...TURN_LOGIN })).toEqual([
      'calls in Firefox fail with turn:h:25: Firefox blocks port 25',
      'Chromium ignores turn:h:25: TURN ports below 1024 must be 53, 80, 443',
    ]);
    expect(warningsFor({})).toEqual([]);
  });
});

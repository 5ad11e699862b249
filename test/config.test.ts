import { readFileSync } from 'node:fs';
import { parse } from 'dotenv';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, variableNames } from '../src/config';
import { Proxies } from '../src/transport/proxies';

function complaint(env: Record<string, string>): string {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
  }
  throw new Error('no complaint');
}

describe('the environment', () => {
  it('has the defaults that it is documented to have', () => {
    expect(loadConfig()).toMatchObject({
      port: 5000,
      host: undefined,
      environment: 'development',
      demo: undefined,
      corsOrigins: ['http://localhost:5173'],
      maxParticipants: 10,
      minParticipants: 2,
      stunUrls: ['stun:stun.l.google.com:19302', 'stun:stun1.l.google.com:19302'],
      turnServer: undefined,
      turnRest: undefined,
      reconnectGraceMs: 15_000,
      shutdownGraceMs: 10_000,
      logLevel: 'info',
      logFormat: 'pretty',
      trustProxy: undefined,
    });
    expect(loadConfig({ NODE_ENV: 'production' }).logFormat).toBe('json');
  });

  it('is env.example, name by name and default by default', () => {
    const text = readFileSync('env.example', 'utf8');
    const named = [...text.matchAll(/^#? ?([A-Z][A-Z_]+)=/gm)].map(([, name]) => name);
    expect(named).toEqual(variableNames);
    expect(loadConfig(parse(text))).toEqual(loadConfig());
  });

  it('takes an empty value for none, but for STUN_URLS', () => {
    const empty = Object.fromEntries(variableNames.map((name) => [name, '']));
    expect(loadConfig(empty)).toEqual({ ...loadConfig(), stunUrls: [] });
  });

  it('reads lists', () => {
    expect(loadConfig({ CORS_ORIGIN: 'https://A.example/, http://b:1' }).corsOrigins).toEqual([
      'https://a.example',
      'http://b:1',
    ]);
    expect(loadConfig({ TRUST_PROXY: '1' }).trustProxy).toBe(1);
    expect(loadConfig({ TRUST_PROXY: '10.0.0.0/8, ::1' }).trustProxy).toEqual(['10.0.0.0/8', '::1']);
  });

  it.each([
    '0',
    '100',
    'loopback',
    'LinkLocal,uniquelocal',
    '192.0.2.1/32',
    '10.0.0.0/08',
    '2001:DB8::/32',
    '::ffff:10.0.0.0/104',
    '64:ff9b::192.0.2.1',
    '::1/128',
  ])('[D11] accepts as TRUST_PROXY what proxy-addr can compile: %s', (value) => {
    expect(() => new Proxies(loadConfig({ TRUST_PROXY: value }))).not.toThrow();
  });

  it('reads a switch', () => {
    expect(loadConfig({ DEMO: 'on' }).demo).toBe(true);
    expect(loadConfig({ DEMO: 'off' }).demo).toBe(false);
  });

  it('lets a TURN server take the place of the default STUN servers alone', () => {
    const turn = { TURN_SERVER_URL: 'turn.example:3478', TURN_USERNAME: 'u', TURN_CREDENTIAL: 'c' };
    expect(loadConfig(turn)).toMatchObject({
      stunUrls: [],
      turnServer: { host: 'turn.example:3478', username: 'u', credential: 'c' },
    });
    expect(loadConfig({ ...turn, STUN_URLS: 'stun:own:1' }).stunUrls).toEqual(['stun:own:1']);
  });

  it('says in one line per variable what was found and what is expected', () => {
    expect(complaint({ PORT: '70000', MAX_PARTICIPANTS: 'many', LOG_LEVEL: 'loud' }).split('\n')).toEqual([
      'PORT: found "70000", expected a whole number from 0 to 65535',
      'MAX_PARTICIPANTS: found "many", expected a whole number from 1 to 1000',
      'LOG_LEVEL: found "loud", expected trace or debug or info or warn or error or fatal or silent',
    ]);
    expect(complaint({ DEMO: 'yes' })).toBe('DEMO: found "yes", expected on or off');
    expect(complaint({ CORS_ORIGIN: 'example.com' })).toBe(
      'CORS_ORIGIN: found "example.com", expected an origin with a scheme, such as https://app.example',
    );
    expect(complaint({ TRUST_PROXY: 'yes' })).toMatch(/^TRUST_PROXY: found "yes", expected a number of proxies/);
    expect(complaint({ TURN_SERVER_URL: 'turn:host' })).toMatch(
      /TURN_SERVER_URL: found "turn:host", expected host:port/,
    );
  });

  it('says what belongs together, and no secret', () => {
    expect(complaint({ TURN_URLS: 'turn:t:1' })).toBe(
      'TURN_SECRET: found nothing, expected something, because TURN_URLS is set',
    );
    expect(complaint({ MIN_PARTICIPANTS: '11' })).toBe(
      'MIN_PARTICIPANTS: found "11", expected at most MAX_PARTICIPANTS (10)',
    );
    expect(complaint({ MAX_PARTICIPANTS: '1', PORT: 'x' }).split('\n')).toEqual([
      'PORT: found "x", expected a whole number from 0 to 65535',
      'MAX_PARTICIPANTS: found "1", expected a whole number from MIN_PARTICIPANTS (2) to 1000',
    ]);
    expect(complaint({ MAX_PARTICIPANTS: '5', MIN_PARTICIPANTS: '1001' })).toMatch(
      /^MIN_PARTICIPANTS: [^\n]* to 1000$/,
    );
    expect(complaint({ TURN_SECRET: 'hush', PORT: 'x' })).not.toContain('hush');
  });
});

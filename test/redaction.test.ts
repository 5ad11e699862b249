// Redaction: no secret in any log line, in whatever form a library writes it. Rule D9.

import { inspect } from 'node:util';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { options, readOptions } from '../src/config/options';
import { secretNames, secretsOf } from '../src/config';
import { redactingLogger } from '../src/redacting-logger';
import { createRedactor, REDACTED } from '../src/redaction';

const PASSWORDS = ['hush-word', 'a"b\\c\'d', 'with space', '#/?%@&=+', 'ä→𝄞', 'line\nbreak', '$&$1(.*)', '1234567'];

const secretsIn = (given: object) => secretsOf(readOptions(given));

describe('the secrets of a configuration', () => {
  it('[D9] are those of all secret variables', () => {
    const turnServer = { host: 't:1', username: 'u', credential: 'first' };
    const turnRest = { urls: ['turn:t'], secret: 'second' };
    const redis = { url: 'redis://calls:third@h' };
    expect(secretsIn({ turnServer, turnRest, redis })).toEqual(['first', 'second', 'third']);
    expect(secretNames).toHaveLength(3);
    expect(Object.keys(options).filter((name) => /secret|password|token|key|auth/i.test(name))).toEqual([]);
  });

  it.each([
    ['redis://:hush@h', ['hush']],
    ['redis://hush@h', ['hush']],
    ['redis://calls:hu:sh@h', ['hu:sh']],
    ['redis://h?family=6&password=hu%23sh', ['hu#sh']],
    ['redis://h', []],
  ])('[D9] are found in %s', (url, secrets) => {
    expect(secretsIn({ redis: { url } })).toEqual(secrets);
  });
});

describe('a known secret', () => {
  it.each(PASSWORDS)('[D9] is redacted in every form: %j', (password) => {
    const { text, line } = createRedactor([encodeURIComponent(password)]);
    const forms = [
      password,
      encodeURIComponent(password),
      encodeURIComponent(password).toLowerCase(),
      JSON.stringify(password).slice(1, -1),
      inspect(password).slice(1, -1),
      inspect(JSON.stringify(password)).slice(2, -2),
    ];
    for (const form of forms) {
      expect(text(`before ${form} after`)).toBe(`before ${REDACTED} after`);
      expect(JSON.parse(line(`${JSON.stringify({ level: 30, a: [{ b: form }], [form]: 1 })}\n`))).toEqual({
        level: 30,
        a: [{ b: REDACTED }],
        [REDACTED]: 1,
      });
    }
  });

  it('[D9] that is a number leaves a valid line', () => {
    const { line } = createRedactor(['5000']);
    expect(JSON.parse(line('{"level":30,"port":5000,"msg":"port 5000"}'))).toEqual({
      level: 30,
      port: 5000,
      msg: `port ${REDACTED}`,
    });
  });

  it('[D9] is redacted in a line that is no JSON', () => {
    expect(createRedactor(['hush']).line('{"a":"hush')).toBe(`{"a":"${REDACTED}`);
  });
});

describe('an unknown secret', () => {
  const { text, line } = createRedactor([]);

  it.each([
    ['connect to redis://calls:hush@h:6379 failed', `connect to redis://${REDACTED}@h:6379 failed`],
    ['Invalid URL: rediss://:hu#/?@sh@h', `Invalid URL: rediss://${REDACTED}@h`],
    ['see https://ada:hush@calls.example/x?y=1', `see https://${REDACTED}@calls.example/x?y=1`],
    ['turn:ada:hush@t:3478', `turn:${REDACTED}@t:3478`],
    ['/peerjs/peerjs?key=hush&id=p&token=hush', `/peerjs/peerjs?key=${REDACTED}&id=p&token=${REDACTED}`],
    ['/socket.io/?EIO=4&sid=hush', `/socket.io/?EIO=4&sid=${REDACTED}`],
    ['TURN_SECRET=hush', `TURN_SECRET=${REDACTED}`],
    ['{"auth":{"peerToken":"hush"}}', `{"auth":{"peerToken":"${REDACTED}"}}`],
    ["{ password: 'hush' }", `{ password: "${REDACTED}" }`],
    ['Authorization: Bearer hush.hush', `Authorization: Bearer ${REDACTED}`],
    ['-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----', REDACTED],
  ])('[D9] is redacted in a text: %j', (found, expected) => {
    expect(text(found)).toBe(expected);
    expect(JSON.parse(line(JSON.stringify({ msg: found, err: { stack: found } })))).toEqual({
      msg: expected,
      err: { stack: expected },
    });
  });

  it.each([
    'ada@example.com joined',
    'TURN_SECRET: found nothing, expected something, because TURN_URLS is set',
    'https://calls.example/users/@ada',
    'unexpected token < in JSON at position 0',
    'a tokenless basic text',
    'peer-key=1',
  ])('[D9] is not seen in other texts: %s', (other) => {
    expect(text(other)).toBe(other);
    const json = `${JSON.stringify({ level: 30, msg: other, isSecret: true, pid: 4711, key: 'ada' })}\n`;
    expect(line(json)).toBe(json);
  });

  it.each([
    'password',
    'peerToken',
    'credential',
    'clientSecret',
    'Authorization',
    'set-cookie',
    'pid',
    'sid',
    'apiKey',
  ])('[D9] is redacted in a field: %s', (name) => {
    const value = name === 'password' ? { parts: ['hush'] } : 'hush';
    expect(JSON.parse(line(JSON.stringify({ level: 30, inner: [{ [name]: value }] })))).toEqual({
      level: 30,
      inner: [{ [name]: REDACTED }],
    });
  });
});

describe('a logger of the application', () => {
  const logged: string[] = [];
  const write = (json: string) => void logged.push(json);
  const log = redactingLogger(
    pino({ level: 'debug', base: null, timestamp: false }, { write }),
    createRedactor(['hush']),
  );
  const last = () => JSON.parse(logged.at(-1) ?? '') as Record<string, unknown>;

  it('[D9] gets messages, fields and errors without secrets', () => {
    const cause = new Error('because of hush');
    const error = Object.assign(new TypeError('no hush here', { cause }), {
      command: { name: 'auth', args: ['hush'] },
    });
    log.error({ err: error, meetingId: 'm' }, 'failed with hush');
    expect(logged.at(-1)).not.toContain('hush');
    expect(last()).toMatchObject({
      level: 50,
      meetingId: 'm',
      msg: `failed with ${REDACTED}`,
      err: { type: 'TypeError', message: expect.stringContaining(REDACTED) as string },
    });
    log.fatal(error);
    expect(logged.at(-1)).not.toContain('hush');
    const circular: Record<string, unknown> = { secret: 'hush' };
    circular.self = circular;
    log.warn(circular);
    expect(logged.at(-1)).not.toContain('hush');
  });

  it('[D10] gets no long values', () => {
    const long = 'x'.repeat(10_000);
    const list = Array.from({ length: 300 }, (_, n) => n);
    log.warn({ origin: long, list, err: new RangeError(long) }, 'refused');
    expect(last()).toMatchObject({
      origin: `${'x'.repeat(256)}… (10000 characters)`,
      list,
      err: { type: 'RangeError', message: `${'x'.repeat(4096)}… (10000 characters)` },
    });
    log.error(new RangeError(long));
    expect(logged.at(-1)?.length).toBeLessThan(3 * 4200);
  });

  it('[D9] gets everything else as it is', () => {
    const error = new RangeError('too much');
    log.info({ err: error, port: 5000 }, 'listening');
    expect(last()).toMatchObject({
      level: 30,
      port: 5000,
      msg: 'listening',
      err: { type: 'RangeError', stack: error.stack },
    });
    const { length } = logged;
    log.trace('not enabled');
    expect(logged).toHaveLength(length);
    expect(log.isLevelEnabled('debug')).toBe(true);
  });
});

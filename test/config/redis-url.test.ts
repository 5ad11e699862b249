// URLs of Redis in the configuration: which ones are accepted, and that ioredis reads the same parts from them.

import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import type { ConfigError } from '../../src/config';
import { loadConfig, PERCENT_ENCODE } from '../../src/config';
import { readOptions } from '../../src/config/options';

const accept = (url: string) => readOptions({ redis: { url } }).redis?.url;

function complaint(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(error).toMatchObject({ code: 'INVALID_CONFIG' });
    return (error as ConfigError).message;
  }
  throw new Error('accepted');
}

describe('a URL of Redis', () => {
  it.each([
    ['redis://h', { host: 'h', port: 6379, username: null, password: null, db: 0 }],
    ['redis://h:6380/2', { host: 'h', port: 6380, db: 2 }],
    ['redis://h/', { host: 'h', db: 0 }],
    ['REDISS://h', { host: 'h', port: 6379 }],
    ['rediss://calls:hush@redis.example:6379', { host: 'redis.example', username: 'calls', password: 'hush' }],
    ['redis://:hush@[::1]:6379/0', { host: '::1', password: 'hush' }],
    ['redis://:%23%2F%3f%25%40%5c%20%C3%A4@h', { host: 'h', password: '#/?%@\\ ä' }],
    ['redis://calls:a:b!$&\'()*+,;=[]|^"<>`{}~ä@h', { username: 'calls', password: 'a:b!$&\'()*+,;=[]|^"<>`{}~ä' }],
    ['redis://h?family=6', { host: 'h', family: 6 }],
    ['redis://back_call-redis:6379?password=a%23b', { host: 'back_call-redis', password: 'a#b' }],
  ])('[D9] is accepted, and ioredis reads its parts: %s', (url, parts) => {
    const client = new Redis(accept(url) ?? '', { lazyConnect: true });
    const { options } = client;
    client.disconnect();
    expect({ ...options, port: Number(options.port), db: Number(options.db) }).toMatchObject(parts);
    expect(options.tls !== undefined).toBe(/^rediss/i.test(url));
  });

  const marks = ['#', '/', '?', '%', '@', '\\', ' ', '\t', '\n', '%zz', '%4', '%ff', '%ed%a0%80', '\ud800', '\u0000'];
  const passwords = ['hush', '12', ''].flatMap((start) => marks.map((mark) => `${start}${mark}word`));
  const malformed = [
    ...passwords.flatMap((password) => ['', 'calls'].map((user) => `redis://${user}:${password}@hushhost:6379/0`)),
    ...marks.map((mark) => `redis://hush${mark}user:word@h`),
    'redis://hush:12/3?@h',
    'redis://hush:12#@h',
    'redis://:hush@h#word',
    'redis://:hush#word',
    'redis://h?password=hush@word',
    'redis://h?password=hush%',
    'redis://h?password=hush%ff',
    'redis://h:6379/0#hush',
  ];
  it.each(malformed)('[D9] is refused with the remedy and without the value: %j', (url) => {
    expect(complaint(() => readOptions({ redis: { url } }))).toBe(`redis.url: ${PERCENT_ENCODE}`);
    if (url === url.trim())
      expect(complaint(() => loadConfig({ REDIS_URL: url }))).toBe(`REDIS_URL: ${PERCENT_ENCODE}`);
  });

  it.each([
    'hush',
    'hush:6379',
    'https://:hush@h',
    'redis:hush',
    'redis://',
    'redis:///0',
    'redis://:hush@',
    'redis://:hush@:6379',
    'redis://user:hush',
    'redis://:hush@h:0',
    'redis://:hush@h:65536',
    'redis://:hush@h/hush',
    'redis://:hush@h/0/hush',
    'redis://:hush@h/-1',
    'redis://:hush@300.1.1.1',
    'redis://:hush@[::g]',
    'redis://:hush@ho,st',
    'redis+hush://h',
    5_554_443,
    ['hush'],
  ])('[D9] is refused without the value: %j', (url) => {
    const text = complaint(() => readOptions({ redis: { url } }));
    expect(text).toMatch(/^redis\.url: found a value, expected \S[^\n]+$/);
    expect(text).not.toMatch(/hush|5554443/);
  });
});

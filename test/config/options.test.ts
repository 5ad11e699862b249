// The options of createCallServer. Rule D11.

import { createServer } from 'node:http';
import express from 'express';
import { describe, expect, it } from 'vitest';
import { readOptions } from '../../src/config';
import { ConfigError, createCallServer, loadConfig, type CallServerOptions } from '../../src/index';
import { connect, get, GENEROUS, participant, refused, startServer } from '../helpers';

function refusal(options: unknown): ConfigError {
  try {
    createCallServer(options as CallServerOptions);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('no refusal');
}

const circular: unknown[] = [];
circular.push(circular);

describe('the options of createCallServer', () => {
  const faults: [options: unknown, message: string | RegExp][] = [
    [{ maxParticipants: NaN }, 'maxParticipants: found NaN, expected a whole number from 1 to 1000'],
    [{ maxParticipants: '10' }, 'maxParticipants: found "10", expected a whole number from 1 to 1000'],
    [{ maxParticipants: -1 }, 'maxParticipants: found -1, expected a whole number from 1 to 1000'],
    [{ maxParticipants: 0 }, 'maxParticipants: found 0, expected a whole number from 1 to 1000'],
    [{ maxParticipants: 2.5 }, 'maxParticipants: found 2.5, expected a whole number from 1 to 1000'],
    [{ maxParticipants: Infinity }, 'maxParticipants: found Infinity, expected a whole number from 1 to 1000'],
    [{ maxParticipants: null }, 'maxParticipants: found null, expected a whole number from 1 to 1000'],
    [{ maxParticipants: [10] }, 'maxParticipants: found [10], expected a whole number from 1 to 1000'],
    [{ maxParticipants: {} }, 'maxParticipants: found an object, expected a whole number from 1 to 1000'],
    [{ maxParticipants: 5n }, 'maxParticipants: found 5, expected a whole number from 1 to 1000'],
    [{ maxParticipants: Symbol('x') }, 'maxParticipants: found a symbol, expected a whole number from 1 to 1000'],
    [{ maxParticipants: 1 }, 'maxParticipants: found 1, expected a whole number from minParticipants (2) to 1000'],
    [{ maxParticipants: 1, port: -1 }, /^port: .*\nmaxParticipants: found 1, expected [^\n]*$/],
    [{ minParticipants: 11 }, 'minParticipants: found 11, expected at most maxParticipants (10)'],
    [{ port: 70_000 }, 'port: found 70000, expected a whole number from 0 to 65535'],
    [{ demo: 'on' }, 'demo: found "on", expected true or false'],
    [{ logLevel: 'loud' }, /^logLevel: found "loud", expected trace or debug/],
    [{ host: '' }, 'host: found "", expected a host name or address'],
    [{ corsOrigins: '*' }, /^corsOrigins: found "\*", expected a list of origins/],
    [{ corsOrigins: [5] }, "corsOrigins[0]: found 5, expected an origin such as 'https://app.example'"],
    [{ corsOrigins: circular }, /^corsOrigins\[0\]: found \[an array\], expected an origin/],
    [{ corsOrigins: ['https://a.example', 'b'] }, /^corsOrigins\[1\]: found "b", expected an origin with a scheme/],
    [{ corsOrigins: Array(1) }, /^corsOrigins\[0\]: found nothing, expected an origin/],
    [{ stunUrls: 'stun:a' }, 'stunUrls: found "stun:a", expected a list of STUN URLs'],
    [{ stunUrls: ['stun:h?transport=udp'] }, /^stunUrls\[0\]: found "stun:h\?transport=udp", expected a STUN URL/],
    [{ trustProxy: ['10.0.0.0/33'] }, /^trustProxy: found \["10\.0\.0\.0\/33"\], expected a number of proxies/],
    [{ trustProxy: true }, /^trustProxy: found true, expected a number of proxies/],
    [{ rateLimits: null }, 'rateLimits: found null, expected an object with limits'],
    [{ rateLimits: [] }, 'rateLimits: found [], expected an object with limits'],
    [{ rateLimits: { events: NaN } }, /^rateLimits\.events: found NaN, expected a whole number/],
    [{ rateLimits: { request: 5 } }, 'rateLimits.request: unknown option. Did you mean requests?'],
    [{ turnRest: { urls: ['turn:t'] } }, /^turnRest\.secret: found nothing, expected/],
    [{ turnRest: { urls: [], secret: 's' } }, 'turnRest.urls: found [], expected a list of at least one TURN URL'],
    [{ turnServer: { host: 't', username: 'u', credential: 'c' } }, /^turnServer\.host: found "t", expected host:port/],
    [{ redis: {} }, /^redis\.url: found nothing, expected/],
    [{ publicUrl: 'calls' }, /^publicUrl: found "calls", expected a URL/],
    [{ maxParticipant: 3 }, 'maxParticipant: unknown option. Did you mean maxParticipants?'],
    [{ corsOrigin: [] }, 'corsOrigin: unknown option. Did you mean corsOrigins?'],
    [{ mount_: undefined }, 'mount_: unknown option. Did you mean mount?'],
    [{ colour: 'red' }, 'colour: unknown option'],
    [{ 'a\nb': 1 }, '"a\\nb": unknown option'],
    [{ mount: {} }, /^mount\.app: found nothing, expected an Express application\nmount\.server: found nothing/],
    [{ mount: express() }, /^mount/],
    [
      { mount: { app: express(), server: {} } },
      'mount.server: found an object, expected the http.Server that serves app',
    ],
    [{ log: console.log }, 'log: found a function, expected a pino logger'],
    [{ log: null }, 'log: found null, expected a pino logger'],
    [{ backplane: {} }, 'backplane: found an object, expected a Backplane'],
    [null, 'options: found null, expected an object with options'],
    [[], 'options: found [], expected an object with options'],
    ['production', 'options: found "production", expected an object with options'],
    [5000, 'options: found 5000, expected an object with options'],
  ];
  it.each(faults.map(([options, message]) => ({ options, message })))(
    '[D11] throw a ConfigError: $message',
    ({ options, message }) => {
      const error = refusal(options);
      expect(error).toMatchObject({ name: 'ConfigError', code: 'INVALID_CONFIG' });
      expect(error).toBeInstanceOf(TypeError);
      if (typeof message === 'string') expect(error.message).toBe(message);
      else expect(error.message).toMatch(message);
    },
  );

  it('[D11] are reported together, one line for each', () => {
    const { complaints, message } = refusal({ port: -1, demo: 1, rateLimits: { events: 0, peerFrames: 0 } });
    expect(complaints.map(({ variable }) => variable)).toEqual([
      'port',
      'demo',
      'rateLimits.events',
      'rateLimits.peerFrames',
    ]);
    expect(message.split('\n')).toHaveLength(4);
  });

  it('[D11] show no secret', () => {
    const secrets = {
      turnServer: { host: 'ada:hush@t:1', username: 'u', credential: 5_554_443 },
      turnRest: { urls: ['turn:ada:hush@t'], secret: ['hush'] },
      redis: { url: 'hush' },
      publicUrl: 'ftp://ada:hush@calls.example',
    };
    const { message } = refusal(secrets);
    expect(message.split('\n')).toHaveLength(6);
    expect(message).not.toMatch(/hush|5554443/);
  });

  it.each([{ redis: 'hush' }, { turnRest: ['hush'] }, { turnServer: 'hush' }])(
    '[D11] show no text in place of a group with secrets: %j',
    (options) => {
      expect(refusal(options).message).toMatch(/^\w+: found a value, expected an object with /);
    },
  );

  it('[D11] have their default when they are undefined, in groups, too', async () => {
    const names = Object.keys(loadConfig());
    const nothing = Object.fromEntries(names.map((name) => [name, undefined])) as CallServerOptions;
    const { url } = await startServer({
      ...nothing,
      logLevel: 'silent',
      rateLimits: { requests: 2, events: undefined },
    });
    expect((await get(`${url}/api/call/config`)).body.data).toMatchObject({
      maxParticipants: 10,
      minParticipants: 2,
      reconnectGraceMs: 15_000,
    });
    expect((await get(`${url}/api/call/stats`)).status).toBe(200);
    expect((await get(`${url}/api/call/stats`)).status).toBe(429);
  });

  it('[D11] complete partial groups with their defaults', () => {
    const groups = { redis: { url: 'redis://h' }, turnRest: { urls: ['turn:t'], secret: 's', ttlSeconds: undefined } };
    expect(readOptions({ ...groups, rateLimits: { events: 7 } })).toMatchObject({
      redis: { url: 'redis://h', prefix: 'back-call', isRequired: false, leaseMs: 15_000 },
      turnRest: { urls: ['turn:t'], secret: 's', ttlSeconds: 3600 },
      rateLimits: { ...loadConfig().rateLimits, events: 7 },
    });
  });

  it('[D11] limit the seats to the default when maxParticipants is undefined', async () => {
    const { url } = await startServer({ maxParticipants: undefined, rateLimits: GENEROUS });
    for (let seat = 0; seat < 10; seat++) await participant(url, { userId: `user-${seat}` });
    const late = await connect(url);
    const who = { meetingId: 'meeting', userId: 'late', peerId: 'peer-late', username: 'Late' };
    expect(refused(await late.ask('call:join', who))).toBe('ROOM_FULL');
  });

  it('[D11] may be what loadConfig returns, and whatever a server is mounted on', async () => {
    const app = express();
    const server = createServer(app);
    const calls = createCallServer({ ...loadConfig({ LOG_LEVEL: 'silent' }), mount: { app, server } });
    await calls.close();
  });
});

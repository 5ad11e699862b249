// Hostile payloads at the Socket.IO door: every event, on both namespaces, with everything that should not be in it.

import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { clientEvents, type ClientEvent } from '../../src/protocol';
import { connect, GENEROUS, refused, taken, type Client } from '../helpers';
import { EngineWire, from, nested } from './attackers';
import { besieged } from './siege';

const attack = besieged({ rateLimits: GENEROUS });

const NAMESPACES = ['/', '/call'];
const EVENTS = Object.keys(clientEvents) as ClientEvent[];

const SELF = { meetingId: 'evil', userId: 'mallory' };
/** What each event takes, so that a payload is refused for the one thing that is wrong with it. */
const VALID: Record<ClientEvent, Record<string, unknown>> = {
  'call:join': { ...SELF, peerId: 'mallory', username: 'Mallory' },
  'call:leave': SELF,
  'call:signal': {
    meetingId: 'evil',
    fromUserId: 'mallory',
    toUserId: 'eve',
    fromPeerId: 'mallory',
    toPeerId: 'eve',
    signal: { sdp: 'v=0' },
    signalType: 'offer',
  },
  'call:mute': SELF,
  'call:unmute': SELF,
  'call:video-on': SELF,
  'call:video-off': SELF,
  'call:rename': { ...SELF, username: 'Mallory' },
};

const MEGABYTE = 'x'.repeat(1024 * 1024);
const polluting = JSON.parse(
  '{"__proto__":{"meetingId":"evil"},"constructor":{"prototype":{"polluted":true}}}',
) as object;

/** What is no payload at all. */
const NO_PAYLOADS: unknown[] = [
  undefined,
  null,
  0,
  -1,
  NaN,
  Infinity,
  true,
  false,
  '',
  'call:join',
  MEGABYTE,
  [],
  [{}],
  [[SELF]],
  {},
  polluting,
  JSON.parse(nested(1000)) as unknown,
  Buffer.from('binary'),
  [Buffer.alloc(1000)],
];

/** What is no text, wherever one belongs. */
const NO_TEXTS: unknown[] = [0, 1.5, true, [], ['evil'], {}, polluting, { toString: 'evil' }, Buffer.from('evil')];
const NOTHINGS: unknown[] = [undefined, null, NaN];
const BAD_TEXTS = ['', '\u0000', 'a\nb', 'a\u007f', '\u0085', MEGABYTE];
const BAD_PEER_IDS = [' ', '-a', 'a-', 'a--b', 'a b ', 'a/b', '__proto__', 'ä', 'a.b', '<script>', '💥'];
const BAD_SIGNALS = [[], '', 7, false, MEGABYTE, { sdp: 'x'.repeat(64 * 1024 + 1) }, Buffer.from('sdp')];
const DEEP_SIGNALS = [{ a: JSON.parse(nested(32)) as unknown }, { a: JSON.parse(nested(2000)) as unknown }];

/** For each field of each event, values it must not have. */
const BAD_FIELDS: Record<string, unknown[]> = {
  meetingId: [...NOTHINGS, ...NO_TEXTS, ...BAD_TEXTS, 'x'.repeat(129)],
  userId: [...NOTHINGS, ...NO_TEXTS, ...BAD_TEXTS, 'x'.repeat(129)],
  peerId: [...NOTHINGS, ...NO_TEXTS, ...BAD_TEXTS, ...BAD_PEER_IDS, 'x'.repeat(129)],
  // Nothing is as good as no name, and no peer id: these may be missing.
  username: [...NO_TEXTS, ...BAD_TEXTS, 'x'.repeat(65)],
  fromPeerId: [...NO_TEXTS, ...BAD_TEXTS, 'x'.repeat(129)],
  toPeerId: [...NO_TEXTS, ...BAD_TEXTS, 'x'.repeat(129)],
  fromUserId: [...NOTHINGS, ...NO_TEXTS, ...BAD_TEXTS, 'x'.repeat(129)],
  toUserId: [...NOTHINGS, ...NO_TEXTS, ...BAD_TEXTS, 'x'.repeat(129)],
  signal: [...NOTHINGS, ...BAD_SIGNALS, ...DEEP_SIGNALS, { a: [Buffer.from('x')] }],
  signalType: [...NOTHINGS, ...NO_TEXTS, '', 'OFFER', 'offer ', '__proto__', 'toString', MEGABYTE],
};

const codeFor = (event: ClientEvent) => (event === 'call:signal' ? 'INVALID_SIGNAL' : 'INVALID_PAYLOAD');

/** Both ways of asking, with an acknowledgement and without, are refused with this code. */
async function isRefused(client: Client, event: string, code: string, ...args: unknown[]): Promise<void> {
  expect(refused(await client.askWildly(event, ...args))).toBe(code);
  client.wild.emit(event, ...args);
  expect(await client.next('call:error')).toEqual({ code, message: expect.stringMatching(/./) as string });
}

/** The connection that was abused is neither closed nor stuck, and still in no call. */
async function isUnharmed(client: Client): Promise<void> {
  expect(client.rest()).toEqual([]);
  expect(refused(await client.ask('call:leave', { meetingId: 'evil', userId: 'mallory' }))).toBe('NOT_IN_CALL');
}

describe.each(NAMESPACES)('on %s', (namespace) => {
  for (const event of EVENTS)
    attack(`${event} with what is no payload`, async ({ url }) => {
      const client = await connect(url, { namespace, ...from() });
      for (const payload of NO_PAYLOADS) await isRefused(client, event, codeFor(event), payload);
      await isRefused(client, event, codeFor(event));
      await isUnharmed(client);
    });

  for (const event of EVENTS)
    attack(`${event} with one wrong field`, async ({ url }) => {
      const client = await connect(url, { namespace, ...from() });
      for (const field of Object.keys(VALID[event]))
        for (const value of BAD_FIELDS[field] ?? [])
          await isRefused(client, event, codeFor(event), { ...VALID[event], [field]: value });
      await isUnharmed(client);
    });

  attack('5,000 levels of nesting, wherever they fit', async (server) => {
    const wire = await EngineWire.connect(server, namespace);
    let id = 0;
    for (const event of EVENTS)
      for (const deep of [nested(5000), '{"a":'.repeat(5000) + '1' + '}'.repeat(5000)]) {
        const inSignal = `{"meetingId":"evil","fromUserId":"a","toUserId":"b","signalType":"offer","signal":{"a":${deep}}}`;
        for (const payload of [deep, `{"meetingId":${deep},"userId":"mallory"}`, inSignal]) {
          // Only a field that an event has can be wrong with it.
          const code =
            payload === inSignal && event !== 'call:signal' ? (expect.any(String) as string) : codeFor(event);
          expect(await wire.ask(namespace, (id += 1), `"${event}",${payload}`)).toMatchObject({ success: false, code });
        }
      }
  });

  attack('callbacks that are none, and arguments that nobody asked for', async ({ url }) => {
    const client = await connect(url, { namespace, ...from() });
    const notCallbacks = ['callback', 7, { apply: 'x' }, ['f'], null, true, Buffer.from('f')];
    for (const event of EVENTS.filter((name) => name !== 'call:join'))
      for (const callback of notCallbacks) {
        client.wild.emit(event, VALID[event], callback);
        expect(await client.next('call:error')).toMatchObject({
          code: event === 'call:signal' ? 'ROOM_NOT_FOUND' : 'NOT_IN_CALL',
        });
        const code = event === 'call:signal' ? 'ROOM_NOT_FOUND' : 'NOT_IN_CALL';
        expect(refused(await client.askWildly(event, VALID[event], callback, callback))).toBe(code);
      }
    for (const callback of notCallbacks) {
      client.wild.emit('call:join', VALID['call:join'], callback);
      await client.next('call:peers-list');
      taken(await client.ask('call:leave', SELF));
    }
    await isUnharmed(client);
  });

  attack('events that do not exist', async ({ url }) => {
    const client = await connect(url, { namespace, ...from() });
    const names = [
      '',
      'call',
      'call:',
      'call:join ',
      'CALL:JOIN',
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
    ];
    const inner = ['error', 'connection', 'close', 'data', 'message', 'call:peer-left', 'call:mute-status', 'drain'];
    for (const name of [...names, ...inner, 'x'.repeat(100_000)])
      await isRefused(client, name, 'INVALID_PAYLOAD', VALID['call:join']);
    await isUnharmed(client);
  });
});

/** A value that JSON can carry, or a buffer, with keys that have hurt programs before. */
const anything = fc.anything({
  key: fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'prototype', 'then', 'toJSON', 'userId')),
  withNullPrototype: true,
  maxDepth: 4,
});
const broken = fc
  .constantFrom(...EVENTS)
  .chain((event) =>
    fc.record({
      event: fc.constant(event),
      field: fc.constantFrom(...Object.keys(VALID[event]).filter((name) => !/username|PeerId$/.test(name))),
      value: fc.oneof(
        // No event takes such a value in any field.
        fc.oneof(fc.double(), fc.boolean(), fc.array(anything), fc.constant(null), fc.uint8Array()),
        fc.integer({ min: 64 * 1024 + 1, max: 200_000 }).map((length) => 'ä'.repeat(length)),
        fc.string().map((text) => `${text}\u0000`.slice(0, 120)),
      ),
    }),
  )
  // A signal may be any text.
  .filter(({ field, value }) => field !== 'signal' || typeof value !== 'string' || value.length > 64 * 1024);

attack('one field broken by chance', async ({ url }) => {
  const client = await connect(url, from());
  const isAlwaysRefused = fc.asyncProperty(broken, async ({ event, field, value }) => {
    await isRefused(client, event, codeFor(event), { ...VALID[event], [field]: value });
  });
  await fc.assert(isAlwaysRefused, { seed: 20261122, numRuns: 200 });
  await isUnharmed(client);
});

attack('arguments by chance', async ({ url }) => {
  const client = await connect(url, { namespace: '/call', ...from() });
  const args = fc.array(fc.oneof(anything, fc.uint8Array()), { maxLength: 4 });
  const isAlwaysAnswered = fc.asyncProperty(fc.constantFrom(...EVENTS), args, async (event, given) => {
    // A function would be an acknowledgement, and what cannot be encoded does not leave the client.
    const sendable = given.map((value) => decircled(value));
    await isRefused(client, event, codeFor(event), ...sendable);
  });
  await fc.assert(isAlwaysAnswered, {
    seed: 20261122,
    numRuns: 200,
    examples: [
      ['call:join', []],
      ['call:signal', [{ signal: { then: 1 } }]],
      ['call:mute', [{ toJSON: 1, userId: { __proto__: null } }]],
    ],
  });
  await isUnharmed(client);
});

/** The value as JSON carries it; bytes stay bytes, which Socket.IO sends as attachments. */
function decircled(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value);
  const text = JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner));
  return (text as string | undefined) === undefined ? undefined : (JSON.parse(text) as unknown);
}

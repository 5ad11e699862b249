// Hostile frames and hostile identities at the PeerJS door.

import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { dial, GENEROUS, get, Inbox, type PeerWire } from '../helpers';
import { ATTACKER, dialFrom, dialRaw, evilPeer, inOneBreath, nested, TcpWire, writeRaw } from './attackers';
import { besieged, type ServerUnderAttack } from './siege';

const attack = besieged({ rateLimits: GENEROUS });

const NOT_TEXT = 1003;
const NOT_JSON = 1007;
const AGAINST_THE_RULES = 1008;
const PROTOCOL_ERROR = 1002;
const TOO_BIG = 1009;

const offer = (dst: unknown, payload: unknown = {}) => JSON.stringify({ type: 'OFFER', dst, payload });
const deep = (levels: number) => `{"type":"OFFER","dst":"somebody","payload":${nested(levels - 1)}}`;

/** Frames that are answered by a close, and with which code. */
const OFFENCES: Record<string, [frame: string | Buffer, code: number]> = {
  'what is not JSON': ['hello', NOT_JSON],
  nothing: ['', NOT_JSON],
  'a blank': [' ', NOT_JSON],
  'half of a frame': ['{"type":"OFFER","dst":"some', NOT_JSON],
  'two frames in one': [offer('a') + offer('b'), NOT_JSON],
  'undefined, which JSON does not know': ['undefined', NOT_JSON],
  'NaN, which JSON does not know': ['{"type":NaN}', NOT_JSON],
  null: ['null', AGAINST_THE_RULES],
  'a number': ['5', AGAINST_THE_RULES],
  'a huge number': ['1e999', AGAINST_THE_RULES],
  true: ['true', AGAINST_THE_RULES],
  'a string': ['"OFFER"', AGAINST_THE_RULES],
  'an array': ['[]', AGAINST_THE_RULES],
  'an array of frames': [`[${offer('somebody')}]`, AGAINST_THE_RULES],
  'levels of nothing but themselves': [nested(30_000), AGAINST_THE_RULES],
  'a binary frame': [Buffer.from(offer('somebody')), NOT_TEXT],
  'an empty binary frame': [Buffer.alloc(0), NOT_TEXT],
  'more than 256 KiB': [offer('somebody', 'x'.repeat(256 * 1024)), TOO_BIG],
  '5 MiB': [offer('somebody', 'x'.repeat(5 * 1024 * 1024)), TOO_BIG],
};

/** Frames that cost only themselves. */
const MISTAKES: Record<string, string> = {
  'an object that says nothing': '{}',
  'a frame without a type': '{"dst":"somebody"}',
  'a type that is no string': '{"type":["OFFER"],"dst":"somebody"}',
  'a type in small letters': '{"type":"offer","dst":"somebody"}',
  'a type from the prototype': '{"type":"constructor","dst":"somebody"}',
  'a type named __proto__': '{"type":"__proto__","dst":"somebody"}',
  'a type in the prototype': '{"__proto__":{"type":"OFFER","dst":"somebody"}}',
  ...Object.fromEntries(
    ['OPEN', 'EXPIRE', 'ERROR', 'ID-TAKEN', 'INVALID-KEY', 'GO'].map((type) => [
      `the type ${type}`,
      JSON.stringify({ type, dst: 'somebody' }),
    ]),
  ),
  ...Object.fromEntries(
    ['OFFER', 'ANSWER', 'CANDIDATE', 'LEAVE'].map((type) => [
      `${type} without an addressee`,
      JSON.stringify({ type, payload: {} }),
    ]),
  ),
  ...Object.fromEntries(
    [
      5,
      0,
      true,
      null,
      {},
      { id: 'somebody' },
      [],
      ['somebody'],
      '',
      ' ',
      '-',
      'a b ',
      'a/b',
      '\u0000',
      'a\n',
      '__proto__',
    ]
      .concat('x'.repeat(129), 'x'.repeat(10_000))
      .map((dst) => [`an addressee ${JSON.stringify(dst).slice(0, 40)}…`, offer(dst)]),
  ),
  'LEAVE for null': '{"type":"LEAVE","dst":null}',
  'LEAVE for nobody': '{"type":"LEAVE","dst":""}',
  '33 levels': deep(33),
  '2,000 levels': deep(2000),
  '5,000 levels': deep(5000),
  '30,000 levels': deep(30_000),
  'more than 64 KiB': offer('somebody', 'x'.repeat(64 * 1024)),
};

/** Bytes that no WebSocket client sends. */
const BROKEN_FRAMES: Record<string, [bytes: number[], code: number]> = {
  'invalid UTF-8': [[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], NOT_JSON],
  'UTF-8 cut off': [[0x81, 0x81, 0, 0, 0, 0, 0xf0], NOT_JSON],
  'the first reserved bit': [[0xc1, 0x80, 0, 0, 0, 0], PROTOCOL_ERROR],
  'all reserved bits': [[0xf1, 0x80, 0, 0, 0, 0], PROTOCOL_ERROR],
  'an unmasked frame': [[0x81, 0x02, 0x7b, 0x7d], PROTOCOL_ERROR],
  'an unknown opcode': [[0x83, 0x80, 0, 0, 0, 0], PROTOCOL_ERROR],
  'a continuation of nothing': [[0x80, 0x80, 0, 0, 0, 0], PROTOCOL_ERROR],
  'a ping in pieces': [[0x09, 0x80, 0, 0, 0, 0], PROTOCOL_ERROR],
  'a ping that is too long': [[0x89, 0xfe, 0, 126, 0, 0, 0, 0], PROTOCOL_ERROR],
  'a close with half a code': [[0x88, 0x81, 0, 0, 0, 0, 1], PROTOCOL_ERROR],
  'a close with a code that does not exist': [[0x88, 0x82, 0, 0, 0, 0, 0, 1], PROTOCOL_ERROR],
  'a length of 2^63': [[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], TOO_BIG],
};

/** A peer of the attacker under an id that nobody had. */
const somePeer = (server: ServerUnderAttack): Promise<PeerWire> => evilPeer(server, `evil-${randomUUID()}`);

describe('an offence closes the socket, and what comes right behind it is not relayed', () => {
  for (const [what, [frame, code]] of Object.entries(OFFENCES))
    attack(what, async (server, { ana }) => {
      const wire = await somePeer(server);
      inOneBreath(wire, () => {
        wire.send(frame);
        // Ana would notice this one.
        wire.send(offer(ana.person.peerId));
      });
      expect((await wire.end()).code).toBe(code);
      expect(wire.inbox.rest()).toEqual([]);
    });

  for (const [what, [bytes, code]] of Object.entries(BROKEN_FRAMES))
    attack(what, async (server, { ana }) => {
      const wire = await somePeer(server);
      inOneBreath(wire, () => {
        writeRaw(wire, ...bytes);
        wire.send(offer(ana.person.peerId));
      });
      expect((await wire.end()).code).toBe(code);
    });

  for (const [what, frame] of Object.entries(MISTAKES))
    attack(`${what} costs only the frame`, async (server) => {
      const id = `evil-${randomUUID()}`;
      const wire = await evilPeer(server, id);
      wire.send(frame);
      wire.send(offer(id));
      await wire.next('OFFER');
      expect(wire.inbox.rest().filter(({ type }) => type !== 'EXPIRE')).toEqual([]);
    });

  attack('half a frame and the end', async (server) => {
    const wire = await somePeer(server);
    writeRaw(wire, 0x81, 0xfe, 0xff);
    wire.ws.terminate();
    await wire.end();
  });

  attack('any text by chance that is no JSON', async (server) => {
    const isJson = (text: string) => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    const noJson = fc.string({ unit: 'grapheme' }).filter((text) => !isJson(text));
    await fc.assert(
      fc.asyncProperty(noJson, async (text) => {
        const wire = await somePeer(server);
        wire.send(text);
        expect((await wire.end()).code).toBe(NOT_JSON);
      }),
      { seed: 20261122, numRuns: 60, examples: [['\u0000'], ['{]'], ['\ufeff{}']] },
    );
  });

  attack('any JSON by chance that is no object', async (server) => {
    const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
    await fc.assert(
      fc.asyncProperty(
        fc.jsonValue().filter((value) => !isObject(value)),
        async (value) => {
          const wire = await somePeer(server);
          wire.ws.send(JSON.stringify(value));
          expect((await wire.end()).code).toBe(AGAINST_THE_RULES);
        },
      ),
      { seed: 20261122, numRuns: 60 },
    );
  });

  attack('any object by chance costs only itself', async (server) => {
    const type = fc.oneof(fc.constantFrom('OFFER', 'ANSWER', 'CANDIDATE', 'LEAVE'), fc.jsonValue());
    // The first character is not allowed in a peer id, so no generated text is a valid one.
    const dst = fc.oneof(
      fc.string().map((text) => `_${text}`),
      fc.jsonValue({ maxDepth: 2 }).filter((v) => typeof v !== 'string'),
    );
    const mistake = fc.record({ type, dst, payload: fc.jsonValue(), src: fc.jsonValue() }, { requiredKeys: [] });
    const id = `evil-${randomUUID()}`;
    const wire = await evilPeer(server, id);
    await fc.assert(
      fc.asyncProperty(mistake, async (frame) => {
        wire.ws.send(JSON.stringify(frame));
        wire.send(offer(id));
        await wire.next('OFFER');
        expect(wire.inbox.rest().filter(({ type }) => type !== 'EXPIRE')).toEqual([]);
      }),
      { seed: 20261122, numRuns: 100, examples: [[{ type: 'LEAVE' }], [{ type: 'toString', dst: '_' }]] },
    );
  });
});

describe('what is odd but well formed is relayed as it is', () => {
  const odd: Record<string, string> = {
    '32 levels': nested(31),
    'keys that hurt programs': '{"__proto__":{"polluted":true},"constructor":{"prototype":{}},"toJSON":1,"then":{}}',
    'a payload of another type': '7',
    'lone surrogates': '"\\ud800"',
    'control characters, escaped': '"\\u0000\\n"',
  };
  for (const [what, payload] of Object.entries(odd))
    attack(what, async (server) => {
      const id = `evil-${randomUUID()}`;
      const wire = await evilPeer(server, id);
      wire.ws.send(`{"type":"OFFER","dst":"${id}","payload":${payload}}`);
      expect(JSON.stringify((await wire.next('OFFER')).payload)).toBe(JSON.stringify(JSON.parse(payload)));
    });

  attack('a claim to be another sender is corrected', async (server, { ana }) => {
    const id = `evil-${randomUUID()}`;
    const wire = await evilPeer(server, id);
    wire.send({ type: 'OFFER', src: ana.person.peerId, dst: id, payload: {} });
    expect((await wire.next('OFFER')).src).toBe(id);
  });

  attack('a heartbeat with baggage', async (server, { ana }) => {
    const id = `evil-${randomUUID()}`;
    const wire = await evilPeer(server, id);
    for (const baggage of [`"dst":"${ana.person.peerId}"`, `"dst":5`, `"payload":${nested(5000)}`, '"__proto__":{}'])
      wire.ws.send(`{"type":"HEARTBEAT",${baggage}}`);
    wire.send({ type: 'OFFER', dst: id, payload: {} });
    await wire.next('OFFER');
    expect(wire.inbox.rest()).toEqual([]);
  });
});

describe('an identity', () => {
  const badIds = [
    '\u0000',
    'a\nb',
    'a\u007f',
    ' ',
    'a b ',
    '-a',
    '__proto__',
    'a/../b',
    'ä',
    '<b>',
    'x'.repeat(129),
    'x'.repeat(10_000),
  ];
  for (const id of badIds)
    attack(`that is no id: ${JSON.stringify(id).slice(0, 40)}`, async (server) => {
      const wire = dialFrom(server, { id, token: 'token' });
      expect(await wire.end()).toEqual({ code: AGAINST_THE_RULES, reason: 'invalid id' });
      expect(wire.inbox.rest()).toEqual([]);
    });

  attack('with a token of 10 kB', async (server) => {
    const wire = dialFrom(server, { id: 'mallory', token: 'x'.repeat(10_000) });
    expect(await wire.end()).toEqual({ code: AGAINST_THE_RULES, reason: 'invalid token' });
  });

  for (const [what, query] of Object.entries({
    'without id': 'key=peerjs&token=t',
    'with an empty id': 'key=peerjs&id=&token=t',
    'without token': 'key=peerjs&id=mallory',
    'with an empty token': 'key=peerjs&id=mallory&token=',
    'without key': 'id=mallory&token=t',
    'with the wrong key': 'key=nope&id=mallory&token=t',
    'with two keys': 'key=peerjs&key=nope&id=mallory&token=t',
    'without anything': '',
    'with garbage for a query': '%&=&%ff=%&&id&token',
    'with brackets': 'key[]=peerjs&id[]=mallory&token[a]=t',
  }))
    attack(what, async (server) => {
      const wire = dialRaw(server, query);
      await wire.next('ERROR');
      // What is sent after the refusal is nobody's.
      wire.send(offer('somebody'));
      await wire.end();
      expect(wire.inbox.rest()).toEqual([]);
      expect((await get(`${server.url}/api/call/peers/mallory`)).status).toBe(404);
    });

  attack('given twice is the last one, for us as for the broker', async (server, { ana }) => {
    const mine = `evil-${randomUUID()}`;
    const wire = dialRaw(server, `key=peerjs&id=${ana.person.peerId}&id=${mine}&token=t`);
    await wire.next('OPEN');
    wire.send(offer(mine));
    expect((await wire.next('OFFER')).src).toBe(mine);
    const other = dialRaw(server, `key=peerjs&id=${mine}&id=${ana.person.peerId}&token=t`);
    await other.next('ID-TAKEN');
    await other.end();
  });

  attack('behind a # is none', async (server) => {
    const handshake = [
      'GET /peerjs/peerjs?key=peerjs&id=mallory#&token=t HTTP/1.1',
      'Host: x',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ];
    const wire = new TcpWire(server).send(`${handshake.join('\r\n')}\r\n\r\n`);
    expect(await wire.end()).toContain('"type":"ERROR"');
  });

  attack('of somebody else, with another token', async (server, { ana, ben }) => {
    for (const { peerId } of [ana.person, ben.person])
      for (const token of ['token', `token-${peerId} `, 'x', '__proto__']) {
        const wire = dialFrom(server, { id: peerId, token });
        await wire.next('ID-TAKEN');
        wire.send(offer(ben.person.peerId));
        await wire.end();
      }
  });

  attack('of somebody else, with another token and the wrong key', async (server, { ana }) => {
    const wire = dialRaw(server, `key=nope&id=${ana.person.peerId}&token=t`);
    await wire.next('ERROR');
    await wire.end();
  });

  attack('of its own comes back: the new socket is open, the old one closed and mute', async (server, { ana }) => {
    const id = `evil-${randomUUID()}`;
    const old = await evilPeer(server, id);
    const late = new Promise<void>((resolve) => {
      // What the old socket says at its very end is not said for the new one.
      old.ws.once('close', () => resolve());
    });
    const fresh = await evilPeer(server, id);
    expect((await old.end()).code).toBe(AGAINST_THE_RULES);
    await late;
    fresh.send(offer(id));
    expect((await fresh.next('OFFER')).src).toBe(id);
    expect((await get(`${server.url}/api/call/peers/${id}`)).body).toMatchObject({ data: { online: true } });
    expect(ana.wire.ws.readyState).toBe(ana.wire.ws.OPEN);
  });

  attack('of its own, taken over a hundred times at once', async (server) => {
    const id = `evil-${randomUUID()}`;
    const ends = new Inbox<number>();
    const wires = Array.from({ length: 100 }, () => dialFrom(server, { id, token: 'same' }));
    for (const wire of wires) void wire.closed.then(({ code }) => ends.put(code));
    for (let others = 1; others < wires.length; others += 1) expect(await ends.next()).toBe(AGAINST_THE_RULES);

    const [last, ...more] = wires.filter(({ ws }) => ws.readyState === ws.OPEN);
    expect(more).toEqual([]);
    last?.send(offer(id));
    expect((await last?.next('OFFER'))?.src).toBe(id);
  });
});

attack('a socket that breaks off in the middle of the handshake', async (server) => {
  const wires = Array.from({ length: 50 }, (_, index) =>
    dial(server.url, { id: `gone${index}`, token: 't' }, { localAddress: ATTACKER }),
  );
  for (const wire of wires) wire.ws.terminate();
  await Promise.all(wires.map((wire) => wire.end()));
});

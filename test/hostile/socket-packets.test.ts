// Hostile packets at the Socket.IO door: what no client library would send, over a raw WebSocket and over long polling.

import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { GENEROUS } from '../helpers';
import { ask, EngineWire, inOneBreath, nested, prefix, UPGRADE, writeRaw } from './attackers';
import { besieged, type ServerUnderAttack } from './siege';

const attack = besieged({ rateLimits: GENEROUS });

/** Each of these is the last thing that a connection says. */
const LAST_WORDS: Record<string, (string | Buffer)[]> = {
  'an empty Engine.IO packet': [''],
  'an unknown Engine.IO packet': ['x'],
  'another unknown one': ['9'],
  'a ping, which only the server may send': ['2'],
  'a binary packet out of nowhere': [Buffer.from('garbage')],
  'an empty binary packet': [Buffer.alloc(0)],
  'base64 out of nowhere': ['bAAAA'],
  'a second connect to the same namespace': ['40'],
  'an empty Socket.IO packet, which reads as a connect': ['4'],
  'an unknown Socket.IO packet': ['47'],
  'no packet type at all': ['4x'],
  'a connect with an array': ['40[]'],
  'a connect with null': ['40null'],
  'a connect error, which only the server may send': ['44{}'],
  'a disconnect with a payload': ['41{}'],
  'a disconnect of a namespace it never joined': ['41/nope,'],
  'an event for a namespace it never joined': ['42/call,["call:mute",{}]'],
  'an event that is no array': ['42{"0":"call:mute"}'],
  'an event without a name': ['42[]'],
  'an event named null': ['42[null]'],
  'an event named by an object': ['42[{"call:mute":1}]'],
  'an event cut off': ['42["call:mute",{"meetin'],
  'an event that is not JSON': ['42garbage'],
  'an event followed by garbage': ['42["call:mute"]]'],
  'a reserved event': ['42["disconnect"]'],
  'another reserved event': ['42["newListener",null]'],
  'an acknowledgement that is no array': ['431{}'],
  'attachments that are no number': ['45x-["call:mute"]'],
  'attachments without their number': ['45-["call:mute"]'],
  'no attachments in a binary event': ['450-["call:mute"]'],
  'a negative number of attachments': ['45-1-["call:mute"]'],
  'half an attachment': ['450.5-["call:mute"]'],
  'endless attachments': ['45Infinity-["call:mute"]'],
  'a huge number of attachments': ['455999999999-["call:mute",{"_placeholder":true,"num":0}]'],
  'a large packet that waits for its attachment': [
    `451-["call:mute",{"x":"${'x'.repeat(100_000)}","y":{"_placeholder":true,"num":0}}]`,
  ],
  'attachments without an end': [`45${'1'.repeat(100_000)}`],
  'an attachment that is not there': ['451-["call:mute",{"_placeholder":true,"num":5}]', Buffer.from('x')],
  'an attachment of a negative number': ['451-["call:mute",{"_placeholder":true,"num":-1}]', Buffer.from('x')],
  'an attachment of no number': ['451-["call:mute",{"_placeholder":true,"num":"length"}]', Buffer.from('x')],
  'a text where an attachment belongs': ['451-["call:mute",{"_placeholder":true,"num":0}]', '42["call:mute",{}]'],
  'an attachment too many': ['451-["call:mute",{"_placeholder":true,"num":0}]', Buffer.from('x'), Buffer.from('y')],
  'an attachment for something too deep to walk through': [
    `451-["call:mute",${nested(100_000)},{"_placeholder":true,"num":0}]`,
    Buffer.from('x'),
  ],
};

/** Each of these is answered so, or not at all, and the connection goes on. */
const IDLE_TALK: Record<string, { sent: string; answer?: string }> = {
  'an event that is a number': { sent: '42[5,"x"]', answer: '42["call:error",{"message":' },
  'an event that is a large number': { sent: '42[1e308]', answer: '42["call:error",{"message":' },
  'an event with no content at all': { sent: '42', answer: '42["call:error",{"message":' },
  'an event that is a number, with an acknowledgement': { sent: '427[5]', answer: '437[{"success":false,"message":' },
  'a namespace that does not exist': { sent: '40/nope,', answer: '44/nope,' },
  'a namespace named __proto__': { sent: '40/__proto__,', answer: '44/__proto__,' },
  'a namespace with a long name': { sent: `40/${'x'.repeat(10_000)},`, answer: '44/x' },
  'a namespace with a query': { sent: '40/call?admin=1,', answer: '44/call?admin=1,' },
  'an auth payload of 5 KiB': {
    sent: `40/call,${JSON.stringify({ token: 'x'.repeat(5 * 1024) })}`,
    answer: '44/call,{"message":"The payload is not what this request takes. (auth must be at most 4 KiB',
  },
  'an auth payload of 1 MB': {
    sent: `40/call,${JSON.stringify({ token: 'x'.repeat(1_000_000) })}`,
    answer: '44/call,{"message":"The payload is not what this request takes. (auth must be at most 4 KiB',
  },
  'an auth payload that is small as text only': {
    sent: `40/call,${JSON.stringify({ token: Array(100).fill({}) })}`,
    answer: '44/call,{"message":"The payload is not what this request takes. (auth must be at most 4 KiB',
  },
  'an auth payload that is nested too deep': {
    sent: `40/call,{"token":${nested(10_000)}}`,
    answer: '44/call,{"message":"The payload is not what this request takes. (auth must be at most 4 KiB',
  },
  'an acknowledgement that nobody asked for': { sent: '439[1]' },
  'an acknowledgement without id': { sent: '43[1]' },
  'an acknowledgement without anything': { sent: '43' },
  'an Engine.IO open': { sent: '0{"sid":"x"}' },
  'an Engine.IO close over WebSocket': { sent: '1' },
  'an upgrade without a probe': { sent: '5' },
  'a noop': { sent: '6garbage' },
  'a pong that was not asked for': { sent: '3' },
};

/** This connection still takes an event and answers it. */
async function isStillServed(wire: EngineWire, id: number): Promise<void> {
  expect(await wire.ask('/', id, '"call:mute",{"meetingId":"m","userId":"u"}')).toMatchObject({ code: 'NOT_IN_CALL' });
}

describe('a raw WebSocket', () => {
  for (const [what, packets] of Object.entries(LAST_WORDS))
    attack(`ends by ${what}`, async (server) => {
      const wire = await EngineWire.connect(server);
      for (const packet of packets) wire.send(packet);
      await wire.end();
    });

  for (const [what, { sent, answer }] of Object.entries(IDLE_TALK))
    attack(`is still served after ${what}`, async (server) => {
      const wire = await EngineWire.connect(server);
      wire.send(sent);
      if (answer !== undefined) await wire.next(answer);
      await isStillServed(wire, 1);
      expect(wire.inbox.rest()).toEqual([]);
    });

  attack('is told INVALID_PAYLOAD for an event that is a number', async (server) => {
    for (const namespace of ['/', '/call']) {
      const wire = await EngineWire.connect(server, namespace);
      wire.send(`42${prefix(namespace)}[5,{"meetingId":"m"}]`);
      expect(await wire.next(`42${prefix(namespace)}["call:error"`)).toContain('"code":"INVALID_PAYLOAD"');
    }
  });

  attack('ends by two connects to one namespace in one breath, as by one after the other', async (server) => {
    const wire = await EngineWire.open(server);
    inOneBreath(wire, () => {
      for (let connects = 0; connects < 50; connects += 1) wire.send('40');
    });
    await wire.end();
  });

  attack('ends by a packet over the limit', async (server) => {
    const wire = await EngineWire.connect(server);
    wire.send(`42["call:mute","${'x'.repeat(2 * 1024 * 1024)}"]`);
    expect(await wire.end()).toBe(1009);
  });

  attack('ends by a packet in pieces that is over the limit', async (server) => {
    const wire = await EngineWire.connect(server);
    const piece = Buffer.alloc(512 * 1024, 'x');
    for (const fin of [false, false, false, false, true]) wire.ws.send(piece, { binary: false, fin });
    expect(await wire.end()).toBe(1009);
  });

  for (const [what, bytes, code] of [
    ['invalid UTF-8', [0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], 1007],
    ['reserved bits', [0xc1, 0x80, 0, 0, 0, 0], 1002],
    ['an unmasked frame', [0x81, 0x02, 0x34, 0x30], 1002],
    ['an unknown opcode', [0x83, 0x80, 0, 0, 0, 0], 1002],
    ['a continuation of nothing', [0x80, 0x80, 0, 0, 0, 0], 1002],
  ] as const)
    attack(`ends by ${what}`, async (server) => {
      const wire = await EngineWire.connect(server);
      writeRaw(wire, ...bytes);
      // Engine.IO lets the TCP connection go before the close frame is through.
      expect([code, 1006]).toContain(await wire.end());
    });

  attack('that says nothing after the handshake, or half a frame, harms nobody', async (server) => {
    const silent = await EngineWire.open(server);
    const half = await EngineWire.connect(server);
    writeRaw(half, 0x81, 0xfe, 0xff);
    for (const wire of [silent, half]) wire.ws.terminate();
    await Promise.all([silent.end(), half.end()]);
  });

  attack('claims sessions that are not its own', async (server, { ana }) => {
    const claims = [ana.socketId, '__proto__', '', 'x'.repeat(2000)].map((pid) => ({ pid, offset: '0' }));
    for (const auth of [...claims, { pid: 1, offset: 1 }, { pid: {}, offset: [] }, { pid: 'x', offset: 'NaN' }]) {
      const wire = await EngineWire.open(server);
      wire.send(`40${JSON.stringify(auth)}`);
      expect(await wire.next('40')).not.toContain(ana.socketId);
      await isStillServed(wire, 1);
    }
  });

  attack('sends packets by chance', async (server) => {
    const text = fc.string({ maxLength: 40, unit: fc.constantFrom(...Array.from('0123456789-/,[]{}":ab_\\\u0000é')) });
    const packet = fc.oneof(
      text,
      text.map((rest) => `4${rest}`),
      text.map((rest) => `42["call:mute",${rest}`),
    );
    const isNoHarm = fc.asyncProperty(fc.array(packet, { minLength: 1, maxLength: 5 }), async (packets) => {
      const wire = await EngineWire.connect(server);
      for (const each of packets) wire.send(each);
      // Whatever it was, one of two things follows: the connection serves on, or it is closed.
      const probe = '4299["call:mute",{"meetingId":"m","userId":"u"}]';
      wire.send(probe);
      await Promise.race([wire.next('4399[').catch(() => wire.end()), wire.end()]);
      wire.ws.terminate();
    });
    await fc.assert(isNoHarm, {
      seed: 20261122,
      numRuns: 150,
      examples: [[['42']], [['42[0']], [['42[5]']], [['4', '4']], [['451-[{}]', '4']]],
    });
  });
});

/** Opens a polling session that is connected to `/`, and gives its path. */
async function pollingSession(server: ServerUnderAttack): Promise<string> {
  const handshake = await ask(server, { path: '/socket.io/?EIO=4&transport=polling' });
  const { sid } = JSON.parse(handshake.text.slice(1)) as { sid: string };
  const path = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
  expect((await ask(server, { path, method: 'POST', body: '40' })).text).toBe('ok');
  expect((await ask(server, { path })).text).toContain('40{');
  return path;
}

describe('long polling', () => {
  const garbage: Record<string, string | Buffer> = {
    garbage: 'garbage',
    nothing: '',
    separators: '\x1e\x1e\x1e',
    'bytes that are no text': Buffer.from([0xff, 0xfe, 0x00, 0x80]),
    'a ping': '2',
    'a packet cut off': '42["call:mu',
    'base64 out of nowhere': 'bAAAA',
    'a good packet before a bad one': '42["call:mute",{}]\x1e4x',
  };
  for (const [what, body] of Object.entries(garbage))
    attack(`with ${what} for a body`, async (server) => {
      const path = await pollingSession(server);
      const { status } = await ask(server, { path, method: 'POST', body });
      expect([200, 400]).toContain(status);
      // The session is over; at most one more poll says so itself.
      const polls = [await ask(server, { path }), await ask(server, { path })];
      expect(polls[1]).toMatchObject({ status: 400, text: expect.stringContaining('Session ID unknown') as string });
    });

  attack('with a body over the limit', async (server) => {
    const path = await pollingSession(server);
    const { status } = await ask(server, { path, method: 'POST', body: '4'.repeat(2 * 1024 * 1024) });
    expect(status).toBe(413);
  });

  attack('with a body of events that are numbers', async (server) => {
    const path = await pollingSession(server);
    const { status } = await ask(server, { path, method: 'POST', body: '42[5]\x1e42\x1e42[6,7]' });
    expect(status).toBe(200);
    expect((await ask(server, { path })).text).toContain('"code":"INVALID_PAYLOAD"');
  });

  attack('with a body of 400,000 connects', async (server, { ana }) => {
    const handshake = await ask(server, { path: '/socket.io/?EIO=4&transport=polling' });
    const { sid } = JSON.parse(handshake.text.slice(1)) as { sid: string };
    const path = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
    const before = server.cpuTimeMs;
    await ask(server, { path, method: 'POST', body: Array(400_000).fill('40').join('\x1e') });
    // After the answer to ana, the server has processed the body.
    await ana.person.ask('call:mute', { meetingId: ana.person.meetingId, userId: 'ana' });
    // CPU time of the server, because the elapsed time also depends on other processes.
    expect(server.cpuTimeMs - before).toBeLessThan(5000);
  });

  attack('in the wrong order, by the wrong method, for nobody', async (server) => {
    const polling = '/socket.io/?EIO=4&transport=polling';
    const wrong: [status: number, question: Parameters<typeof ask>[1]][] = [
      [400, { path: polling, method: 'POST', body: '40' }],
      [400, { path: polling, method: 'DELETE' }],
      [400, { path: `${polling}&sid=nobody` }],
      [400, { path: `${polling}&sid=__proto__` }],
      [400, { path: `${polling}&sid=${'x'.repeat(8000)}` }],
      [400, { path: '/socket.io/?EIO=3&transport=polling' }],
      [400, { path: '/socket.io/?EIO=4&transport=__proto__' }],
      [400, { path: '/socket.io/?EIO=4&transport=websocket' }],
      [400, { path: '/socket.io/?EIO=4&transport=webtransport' }],
      [400, { path: '/socket.io/?EIO[]=4&transport[a]=polling' }],
      [400, { path: '/socket.io/' }],
      [400, { path: '/socket.io/?%' }],
      [404, { path: '/socket.io/nope?EIO=4&transport=polling' }],
      [404, { path: '/socket.io/socket.io.msgpack.min.js' }],
      [400, { path: '/socket.io/?EIO=4&transport=nope', headers: UPGRADE }],
      [400, { path: '/socket.io/?EIO=4&transport=websocket&sid=nobody', headers: UPGRADE }],
    ];
    for (const [status, question] of wrong) {
      const answer = await ask(server, question);
      expect([question.path.slice(0, 100), answer.status]).toEqual([question.path.slice(0, 100), status]);
    }
  });

  attack('twice at a time', async (server) => {
    const path = await pollingSession(server);
    const both = await Promise.all([ask(server, { path }), ask(server, { path })]);
    expect(both.map(({ status }) => status)).toContain(400);
  });

  attack('of a session that is a WebSocket by now', async (server) => {
    const wire = await EngineWire.open(server);
    wire.send('40');
    const opened = JSON.parse((await wire.next('40{')).slice(2)) as { sid: string };
    const answer = await ask(server, { path: `/socket.io/?EIO=4&transport=polling&sid=${opened.sid}` });
    // The id of a Socket.IO socket, which others may know, is no key to its Engine.IO session.
    expect(answer.status).toBe(400);
    await isStillServed(wire, 2);
  });
});

// Clients that are refused again and again, and the log. Rule D10.

import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { CallServerOptions } from '../../src/index';
import { connect, dial, get, peer, refused, refusedUpgrade, startServer } from '../helpers';

const TIMES = 1000;
const HOSTILE = '192.0.2.1';
const HONEST = '192.0.2.2';
const OLD_CLIENT = '/socket.io/?EIO=3&transport=';

const from = (address: string) => ({ 'X-Forwarded-For': address });

async function start(options: CallServerOptions = {}) {
  const lines: { msg: string; level: number; [field: string]: unknown }[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number]);
  const log = pino({ level: 'info', base: null, timestamp: false }, { write });
  const trustProxy = ['loopback'];
  const server = await startServer({ log, trustProxy, corsOrigins: ['https://app.example'], ...options });
  lines.length = 0;
  return { ...server, lines, problems: () => lines.filter(({ level }) => level >= 40) };
}

/** Runs `task` many times, some of them at once. */
async function repeat(task: () => Promise<unknown>, times = TIMES): Promise<void> {
  for (let n = 0; n < times; n += 50) await Promise.all(Array.from({ length: 50 }, task));
}

describe('[D10] repeated refusals of one address, and the first one of another', () => {
  const ways: [what: string, refuse: (url: string, address: string) => Promise<unknown>, line: object][] = [
    [
      'upgrades of another origin',
      (url, address) => refusedUpgrade(`${url}/peerjs/peerjs`, { ...from(address), Origin: 'https://evil.example' }),
      { msg: 'upgrade refused', reason: 'ORIGIN_NOT_ALLOWED' },
    ],
    [
      'upgrades on an unknown path',
      (url, address) => refusedUpgrade(`${url}/nothing`, from(address)),
      { msg: 'upgrade refused', reason: 'NOT_FOUND' },
    ],
    [
      'old Socket.IO clients',
      (url, address) => get(`${url}${OLD_CLIENT}polling`, from(address)),
      { msg: 'refused', reason: 'UNSUPPORTED_PROTOCOL_VERSION' },
    ],
    [
      'old Socket.IO clients by WebSocket',
      (url, address) => refusedUpgrade(`${url}${OLD_CLIENT}websocket`, from(address)),
      { msg: 'upgrade refused', reason: 'UNSUPPORTED_PROTOCOL_VERSION' },
    ],
    [
      'requests',
      (url, address) => get(`${url}/api/call/room/%00`, from(address)),
      { msg: 'refused', reason: 'INVALID_PAYLOAD' },
    ],
    [
      'PeerJS frames',
      async (url, address) => {
        const wire = dial(url, { id: `peer-${crypto.randomUUID()}`, token: 'token' }, { headers: from(address) });
        await wire.next('OPEN');
        wire.ws.send('no JSON');
        await wire.closed;
      },
      { msg: 'peer refused', reason: 'not JSON' },
    ],
  ];

  it.each(ways)('%s', async (_what, refuse, line) => {
    const { calls, url, problems } = await start();
    await repeat(() => refuse(url, HOSTILE));
    await refuse(url, HONEST);
    const firsts = [
      { ...line, address: HOSTILE },
      { ...line, address: HONEST },
    ];
    expect(problems()).toMatchObject(firsts);
    await calls.close();
    expect(problems()).toMatchObject([...firsts, { address: HOSTILE, repeats: TIMES - 1 }]);
  });

  it('events of a Socket.IO client', async () => {
    const { calls, url, problems } = await start();
    const [hostile, honest] = await Promise.all(
      [HOSTILE, HONEST].map((address) => connect(url, { extraHeaders: from(address) })),
    );
    const refuse = async (client = hostile) => refused((await client?.ask('call:join', {} as never)) as never);
    await repeat(() => refuse());
    await refuse(honest);
    const line = { msg: 'refused', event: 'call:join', reason: 'INVALID_PAYLOAD' };
    const firsts = [
      { ...line, address: HOSTILE },
      { ...line, address: HONEST },
    ];
    expect(problems()).toMatchObject(firsts);
    await calls.close();
    expect(problems()).toMatchObject([...firsts, { msg: 'refused', address: HOSTILE, repeats: TIMES - 1 }]);
  });
});

it('[D10] a long value is cut in the log of the application', async () => {
  const { url, problems } = await start();
  await refusedUpgrade(`${url}/peerjs/peerjs`, { Origin: `https://${'x'.repeat(12_000)}` });
  await peer(url, 'peer-ada');
  expect(problems()).toMatchObject([{ origin: `https://${'x'.repeat(248)}… (12008 characters)` }]);
});

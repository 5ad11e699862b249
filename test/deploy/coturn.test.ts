// A real coturn with the configuration of docs/deploy.md, and credentials that a call server gives.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { code } from '../documents';
import { startCoturn, type Coturn } from '../e2e/coturn';
import { participant, startServer } from '../helpers';
import { TurnClient, type Credentials } from './turn-client';

/** STUN error codes: RFC 8656, 18.3. */
const FORBIDDEN = 403;
const UNSUPPORTED_TRANSPORT = 442;

/** The documented configuration, without the certificate of the example. */
const [, section = ''] = readFileSync('docs/deploy.md', 'utf8').split('\n## TURN\n');
const documented = code(section, 'ini').replace(/^(cert|pkey)=.*$/gm, '');

/** TURN credentials of participants with these user ids, from a call server that shares the secret with coturn. */
async function credentialsOf(coturn: Coturn, ...userIds: string[]): Promise<Credentials[]> {
  const turnRest = { urls: [coturn.url], secret: coturn.secret, ttlSeconds: 3600 };
  const { url } = await startServer({ turnRest, maxParticipants: 100 });
  const seated = userIds.map(async (userId, index) => {
    const { joined } = await participant(url, { userId, peerId: `peer-${index}`, username: 'Somebody' });
    const { username = '', credential = '' } = joined.iceServers.at(-1) ?? {};
    return { username, credential };
  });
  return Promise.all(seated);
}

async function openRelay(coturn: Coturn, family: 'ipv4' | 'ipv6'): Promise<TurnClient> {
  const [credentials] = await credentialsOf(coturn, 'ada');
  if (!credentials) throw new Error('no credentials');
  const client = await TurnClient.open(coturn.port, credentials);
  expect(await client.allocate('udp', family)).toBe(0);
  return client;
}

const USER_IDS = [
  'ada',
  'Ada Lovelace',
  ' ',
  '"quoted"',
  "it's",
  'back\\slash',
  'a:b:c',
  '1600000000:ada',
  'Ünïcödé 🎧 名前',
  'مرحبا',
  '%00%0a',
  '$(id) `id` ;&|<>',
  'a=b,c@d/e?f#g',
  '__proto__',
  'x'.repeat(128),
  '名'.repeat(128),
];

const DENIED = {
  ipv4: [
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '10.255.255.255',
    '100.64.0.1',
    '100.100.100.200',
    '127.0.0.1',
    '127.1.2.3',
    '168.63.129.16',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.192',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.0.1',
    '192.168.255.255',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.255.255.250',
    '240.0.0.1',
    '255.255.255.255',
  ],
  ipv6: [
    '::',
    '::1',
    '::7f00:1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:169.254.169.254',
    '::ffff:8.8.8.8',
    '::ffff:0:a00:1',
    '64:ff9b::a00:1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:0:a00:1::1',
    '2001:2::1',
    '2001:db8::1',
    '2002:a00:1::1',
    '2002:7f00:1::',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fec0::1',
    'ff02::1',
  ],
};
const ALLOWED = {
  ipv4: ['8.8.8.8', '1.1.1.1', '11.0.0.1', '172.32.0.1', '192.167.0.1', '223.255.255.255'],
  ipv6: ['2606:4700::1', '2a00:1450::1', '2400:cb00::1', '2001:4860:4860::8888', '2003::1'],
};

describe('coturn with the documented configuration', () => {
  it('accepts the credentials of every user id', async () => {
    const coturn = await startCoturn(documented);
    const credentials = await credentialsOf(coturn, ...USER_IDS);
    expect(new Set(credentials.map(({ username }) => username)).size).toBe(USER_IDS.length);
    const refused: string[] = [];
    for (const [index, login] of credentials.entries()) {
      const client = await TurnClient.open(coturn.port, login);
      if ((await client.allocate()) !== 0) refused.push(USER_IDS[index] ?? '');
    }
    expect(refused).toEqual([]);
  });

  it.each(['ipv4', 'ipv6'] as const)('relays to public %s addresses only', async (family) => {
    const client = await openRelay(await startCoturn(documented), family);
    const outcomes: Record<string, number> = {};
    for (const address of [...DENIED[family], ...ALLOWED[family]]) outcomes[address] = await client.permit(address);
    const expected = [
      ...DENIED[family].map((address) => [address, FORBIDDEN] as const),
      ...ALLOWED[family].map((address) => [address, 0] as const),
    ];
    expect(outcomes).toEqual(Object.fromEntries(expected));
  });

  it('does not relay over TCP', async () => {
    const coturn = await startCoturn(documented);
    const [credentials = { username: '', credential: '' }] = await credentialsOf(coturn, 'ada');
    const client = await TurnClient.open(coturn.port, credentials);
    expect(await client.allocate('tcp')).toBe(UNSUPPORTED_TRANSPORT);
    const other = await TurnClient.open(coturn.port, credentials);
    expect(await other.allocate('udp')).toBe(0);
  });
});

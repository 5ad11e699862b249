// Ownership of peer ids at `call:join`, over real sockets: rule R19 of docs/rules.md.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  connect,
  cut,
  connected,
  dial,
  fence,
  get,
  joinAs,
  participant,
  peer,
  refused,
  startServer,
  taken,
} from '../helpers';
import type { CallServerOptions } from '../../src/index';
import { ATTACKER, from, nested } from '../hostile/attackers';
import { startNodes } from '../nodes';
import { RedisServer } from '../redis-server';

const PEER_ID = 'victim-peer';
const TOKEN = 'secret';
const VICTIM = { meetingId: 'meeting', userId: 'ada', username: 'Ada', peerId: PEER_ID };
const SQUATTER = { meetingId: 'squat', userId: 'eve', username: 'Your Bank', peerId: PEER_ID };

const lookUp = async (url: string) => (await get(`${url}/api/call/peers/${PEER_ID}`)).body.data;
const UNNAMED = { peerId: PEER_ID, online: true, userId: null, username: null };
const NAMED = { peerId: PEER_ID, online: true, userId: 'ada', username: 'Ada' };

/** One node, and two; the victim uses the first URL, the squatter the last. */
type Start = (options?: CallServerOptions) => Promise<string[]>;

function describeOwnership(name: string, start: Start): void {
  const startPair = async (options?: CallServerOptions) => {
    const urls = await start(options);
    return { near: urls[0] ?? '', far: urls.at(-1) ?? '' };
  };

  describe(name, () => {
    it.each([
      ['its token', { peerToken: TOKEN }],
      ['its address', {}],
    ])('[R19] the client that opened a peer id gets it back from a squatter, by %s', async (_what, proof) => {
      const { near, far } = await startPair();
      await peer(near, PEER_ID, TOKEN);
      const witness = await participant(far, { meetingId: 'squat', userId: 'witness' });
      const squatter = await joinAs(await connect(far, from()), SQUATTER);
      await witness.next('call:peer-joined');
      for (const url of [near, far]) expect(await lookUp(url)).toEqual(UNNAMED);

      const victim = await connect(near);
      taken(await victim.ask('call:join', { ...VICTIM, ...proof }));
      expect(await squatter.next('call:error')).toMatchObject({ code: 'PEER_ID_TAKEN' });
      expect(await witness.next('call:peer-left')).toMatchObject({ userId: 'eve', peerId: PEER_ID, reason: 'evicted' });
      for (const url of [near, far]) expect(await lookUp(url)).toEqual(NAMED);
      expect(refused(await squatter.ask('call:mute', { meetingId: 'squat', userId: 'eve' }))).toBe('NOT_IN_CALL');
      expect(refused(await squatter.ask('call:join', SQUATTER))).toBe('PEER_ID_TAKEN');
      expect(squatter.rest('call:peer-left')).toEqual([]);
    });

    it.each([
      ['its token', { peerToken: TOKEN }],
      ['its address', {}],
    ])('[R19] also from a squatter that claimed it before the broker knew it, by %s', async (_what, proof) => {
      const { near, far } = await startPair();
      const squatter = await joinAs(await connect(far, from()), SQUATTER);
      await peer(near, PEER_ID, TOKEN);
      expect(await lookUp(far)).toEqual(UNNAMED);
      const victim = await connect(near);
      taken(await victim.ask('call:join', { ...VICTIM, ...proof }));
      expect(await squatter.next('call:error')).toMatchObject({ code: 'PEER_ID_TAKEN' });
      expect(await lookUp(far)).toEqual(NAMED);
    });

    it('[R19] a squatter in the same call leaves it before the owner joins', async () => {
      const { near, far } = await startPair();
      await peer(near, PEER_ID, TOKEN);
      const witness = await participant(far, { userId: 'witness' });
      const squatter = await joinAs(await connect(far, from()), { ...SQUATTER, meetingId: 'meeting' });
      await witness.next('call:peer-joined');
      const { participants } = taken(await (await connect(near)).ask('call:join', { ...VICTIM, peerToken: TOKEN }));
      expect(participants.map(({ userId }) => userId)).toEqual(['witness']);
      await squatter.next('call:error');
      await witness.next('call:peer-joined');
      const events = witness.inbox.everything().map(([event]) => event);
      expect(events.filter((event) => /peer-(joined|left)/.test(event))).toEqual([
        'call:peer-joined',
        'call:peer-left',
        'call:peer-joined',
      ]);
      expect(witness.joined.self.userId).toBe('witness');
      expect(squatter.rest('call:peer-joined', 'call:peer-left')).toEqual([]);
    });

    it('[R19] a wrong token is refused, and a squatter does not evict the owner', async () => {
      const { near, far } = await startPair();
      await peer(near, PEER_ID, TOKEN);
      const squatter = await connect(far, from());
      const withGuess = { ...SQUATTER, peerToken: 'guessed' };
      expect(refused(await squatter.ask('call:join', withGuess))).toBe('PEER_ID_TAKEN');
      const victim = await connect(near);
      taken(await victim.ask('call:join', { ...VICTIM, peerToken: TOKEN }));
      for (const request of [SQUATTER, withGuess, { ...SQUATTER, userId: 'ada' }, { ...VICTIM, username: 'Your Bank' }])
        expect(refused(await squatter.ask('call:join', request))).toBe('PEER_ID_TAKEN');
      expect(victim.rest('call:error', 'call:peer-joined', 'call:peer-left')).toEqual([]);
      expect(await lookUp(far)).toEqual(NAMED);
    });

    it('[R19] a join with a token reserves the peer id at the broker', async () => {
      const { near, far } = await startPair();
      const victim = await connect(near);
      taken(await victim.ask('call:join', { ...VICTIM, peerToken: TOKEN }));
      await dial(far, { id: PEER_ID, token: 'guessed' }, { localAddress: ATTACKER }).next('ID-TAKEN');
      await peer(near, PEER_ID, TOKEN);
      expect(await victim.next('call:peer-status')).toMatchObject({ userId: 'ada', online: true });
    });

    it('[R19] the owner keeps the peer id when it reconnects or joins again with its token', async () => {
      const { near, far } = await startPair();
      const wire = await peer(near, PEER_ID, TOKEN);
      const victim = await connect(near);
      taken(await victim.ask('call:join', { ...VICTIM, peerToken: TOKEN }));
      wire.ws.terminate();
      expect(await victim.next('call:peer-status')).toMatchObject({ online: false });
      expect(refused(await (await connect(far, from())).ask('call:join', SQUATTER))).toBe('PEER_ID_TAKEN');
      await peer(far, PEER_ID, TOKEN);
      expect(await victim.next('call:peer-status')).toMatchObject({ online: true });

      const isBack = connected(victim);
      cut(victim);
      await isBack;
      taken(await victim.ask('call:mute', { meetingId: 'meeting', userId: 'ada' }));
      const onAnotherConnection = await connect(far, from('127.0.0.3'));
      taken(await onAnotherConnection.ask('call:join', { ...VICTIM, peerToken: TOKEN }));
      expect(await victim.next('call:error')).toMatchObject({ code: 'REPLACED' });
      expect(await lookUp(near)).toEqual(NAMED);
    });

    it('[R19] if all clients have one address, the token evicts a squatter', async () => {
      const { near, far } = await startPair();
      await peer(near, PEER_ID, TOKEN);
      const squatter = await joinAs(await connect(far), SQUATTER);
      const victim = await connect(near);
      taken(await victim.ask('call:join', { ...VICTIM, peerToken: TOKEN }));
      expect(await squatter.next('call:error')).toMatchObject({ code: 'PEER_ID_TAKEN' });
      expect(refused(await squatter.ask('call:join', SQUATTER))).toBe('PEER_ID_TAKEN');
      expect(await lookUp(far)).toEqual(NAMED);
    });

    it('[R19] the owner may join again with a new peer id, and the token of the earlier one proves nothing', async () => {
      const { near, far } = await startPair();
      await peer(near, PEER_ID, TOKEN);
      const victim = await connect(near);
      taken(await victim.ask('call:join', { ...VICTIM, peerToken: TOKEN }));
      await peer(near, 'new-peer', 'new-token');
      const renewed = { ...VICTIM, peerId: 'new-peer' };
      expect(refused(await victim.ask('call:join', { ...renewed, peerToken: TOKEN }))).toBe('PEER_ID_TAKEN');
      expect(await lookUp(far)).toEqual(NAMED);
      taken(await victim.ask('call:join', { ...renewed, peerToken: 'new-token' }));
      expect(await lookUp(far)).toEqual(UNNAMED);
      const squatter = await connect(far, from());
      expect(refused(await squatter.ask('call:join', { ...SQUATTER, peerId: 'new-peer' }))).toBe('PEER_ID_TAKEN');
    });

    it('[R19] the owner reclaims its peer id from a squatter after its seat was lost', async () => {
      const { near, far } = await startPair({ reconnectGraceMs: 20 });
      await peer(near, PEER_ID, TOKEN);
      const witness = await participant(far, { userId: 'witness' });
      const before = await connect(near, { reconnection: false });
      taken(await before.ask('call:join', { ...VICTIM, peerToken: TOKEN }));
      cut(before);
      expect(await witness.next('call:peer-left')).toMatchObject({ userId: 'ada', reason: 'lost' });
      const squatter = await joinAs(await connect(far, from()), SQUATTER);
      expect(await lookUp(near)).toEqual(UNNAMED);
      taken(await (await connect(near)).ask('call:join', { ...VICTIM, peerToken: TOKEN }));
      expect(await squatter.next('call:error')).toMatchObject({ code: 'PEER_ID_TAKEN' });
      expect(await lookUp(far)).toEqual(NAMED);
    });

    it('[R19] behind a trusted proxy, the forwarded address of the client counts', async () => {
      const { near, far } = await startPair({ trustProxy: 1 });
      const headers = (address: string) => ({ extraHeaders: { 'X-Forwarded-For': address } });
      const options = { headers: { 'X-Forwarded-For': '203.0.113.7:49152' } };
      await dial(near, { id: PEER_ID, token: TOKEN }, options).next('OPEN');
      const squatter = await joinAs(await connect(far, headers('198.51.100.9')), SQUATTER);
      expect(await lookUp(near)).toEqual(UNNAMED);
      const victim = await connect(near, { ...headers('203.0.113.7'), transports: ['polling', 'websocket'] });
      taken(await victim.ask('call:join', VICTIM));
      expect(await squatter.next('call:error')).toMatchObject({ code: 'PEER_ID_TAKEN' });
      expect(await lookUp(far)).toEqual(NAMED);
    });
  });
}

describeOwnership('one node', async (options) => [(await startServer(options)).url]);

describe('over Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis.end());
  describeOwnership('two nodes', async (options) => (await startNodes(redis, 2, options)).map(({ url }) => url));
});

describe('a page without a token', () => {
  it('[R19] keeps its peer id while its networks differ, if no client proves that it is its own', async () => {
    const { url } = await startServer();
    await peer(url, PEER_ID, TOKEN);
    const page = await joinAs(await connect(url, from()), VICTIM);
    const bob = await participant(url, { userId: 'bob' });
    await page.next('call:peer-joined');
    await fence(bob, page);
    expect(refused(await (await connect(url, from('127.0.0.3'))).ask('call:join', SQUATTER))).toBe('PEER_ID_TAKEN');
  });

  it('[R19] takes its seat over from another network', async () => {
    const { url } = await startServer();
    await peer(url, PEER_ID, TOKEN);
    const before = await joinAs(await connect(url), VICTIM);
    await joinAs(await connect(url, from()), VICTIM);
    expect(await before.next('call:error')).toMatchObject({ code: 'REPLACED' });
  });
});

describe('peerToken', () => {
  const JOIN = { meetingId: 'meeting', userId: 'eve', peerId: 'hers' };

  it.each([
    ['a number', 5],
    ['a boolean', true],
    ['an array', [TOKEN]],
    ['an object', { toString: 'secret' }],
    ['an empty string', ''],
    ['129 characters', 'x'.repeat(129)],
    ['10 kB', 'x'.repeat(10_000)],
    ['1 MB', 'x'.repeat(1_000_000)],
    ['a deep array', JSON.parse(nested(1000)) as unknown],
  ])('[R19] is refused as %s', async (_what, peerToken) => {
    const { url } = await startServer();
    const eve = await connect(url);
    const answer = await eve.askWildly('call:join', { ...JOIN, peerToken });
    expect(refused(answer)).toBe('INVALID_PAYLOAD');
    expect(JSON.stringify(answer).length).toBeLessThan(500);
    taken(await eve.ask('call:join', JOIN));
  });

  it.each([undefined, null])('[R19] is optional: %s', async (peerToken) => {
    const { url } = await startServer();
    await peer(url, 'hers', TOKEN);
    taken(await (await connect(url)).ask('call:join', { ...JOIN, peerToken }));
  });

  it.each(['x'.repeat(128), '__proto__', "it's \\u0000 \u{1F511}", '\u0000\n'])(
    '[R19] may be any string that the broker accepts: %j',
    async (peerToken) => {
      const { url } = await startServer();
      await peer(url, 'hers', peerToken);
      const owner = await connect(url, from());
      taken(await owner.ask('call:join', { ...JOIN, peerToken }));
      expect(refused(await (await connect(url)).ask('call:join', { ...JOIN, userId: 'bob' }))).toBe('PEER_ID_TAKEN');
    },
  );
});

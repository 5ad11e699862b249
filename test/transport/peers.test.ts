// The PeerJS door over real sockets: the rules P1 to P7 of docs/rules.md. What hostile clients try is in test/hostile.

import { describe, expect, it } from 'vitest';
import { createMemoryBackplane } from '../../src/backplane/memory';
import { dial, GENEROUS, get, offer, participant, peer, startServer, taken, type PeerWire } from '../helpers';

describe('the PeerJS broker', () => {
  it('[P1] relays frames both ways, stamped with their sender', async () => {
    const { url } = await startServer();
    const ada = await peer(url, 'ada');
    const bob = await peer(url, 'bob 1-x_y');
    ada.send({ ...offer('bob 1-x_y'), src: 'forged' });
    expect(await bob.next('OFFER')).toEqual({ ...offer('bob 1-x_y'), src: 'ada' });
    for (const type of ['ANSWER', 'CANDIDATE', 'LEAVE']) {
      bob.send({ type, dst: 'ada', payload: type });
      expect(await ada.next(type)).toEqual({ type, src: 'bob 1-x_y', dst: 'ada', payload: type });
    }
  });

  it('[P1] keeps frames for a peer that connects a moment later, in order', async () => {
    const { url } = await startServer();
    const ada = await peer(url, 'ada');
    ada.send(offer('bob', 'first'));
    ada.send({ type: 'CANDIDATE', dst: 'bob', payload: 'second' });
    ada.send({ type: 'HEARTBEAT' });
    // The frames wait when what was sent after them on the same connection has been done.
    ada.send(offer('ada', 'fence'));
    await ada.next('OFFER');
    const bob = await peer(url, 'bob');
    expect((await bob.inbox.next(({ type }) => type !== 'OPEN')).payload).toBe('first');
    expect((await bob.inbox.next()).payload).toBe('second');
  });

  it('[P1] tells the sender when the addressee does not come', async () => {
    const { url } = await startServer();
    const ada = await peer(url, 'ada');
    ada.send(offer('nobody'));
    expect(await ada.next('EXPIRE')).toEqual({ type: 'EXPIRE', src: 'nobody', dst: 'ada' });
  });

  it('[P1] gives ids, and lists no peers by default', async () => {
    const { url } = await startServer();
    await peer(url, 'ada');
    const id = await (await fetch(`${url}/peerjs/peerjs/id`)).text();
    expect(id).toMatch(/^[\da-f]{8}-[\da-f-]{27}$/);
    expect(await get(`${url}/peerjs/peerjs/peers`)).toMatchObject({
      status: 401,
      body: { code: 'PEER_DISCOVERY_OFF' },
    });
  });

  it('[P1] lists the connected peers with PEER_DISCOVERY=on', async () => {
    const { url } = await startServer({ peerDiscovery: true });
    expect((await get(`${url}/peerjs/peerjs/peers`)).body).toEqual([]);
    await peer(url, 'ada');
    await peer(url, 'bob');
    expect((await get(`${url}/peerjs/peerjs/peers`)).body).toEqual(['ada', 'bob']);
  });

  it.each([
    ['not JSON', 'hello', 1007],
    ['null', 'null', 1008],
    ['an array', [{ type: 'OFFER', dst: 'bob' }], 1008],
    ['binary', Buffer.from('{"type":"HEARTBEAT"}'), 1003],
    ['more than 256 KiB', offer('bob', 'x'.repeat(4 * 65_536)), 1009],
  ])('[P2] closes a connection that sends %s, and nobody else notices', async (_what, frame, code) => {
    const { url } = await startServer();
    const bob = await peer(url, 'bob');
    const eve = await peer(url, 'eve');
    eve.send(frame);
    eve.send(offer('bob', 'too late'));
    expect((await eve.end()).code).toBe(code);
    bob.send(offer('bob', 'fence'));
    expect((await bob.inbox.next(({ type }) => type !== 'OPEN')).payload).toBe('fence');
    await peer(url, 'eve', 'another token');
  });

  it.each(['', 'friend-1 ', 'ada@example.org', 'jürgen', '__proto__', 'a/b', 'x'.repeat(200), 'x'.repeat(5000)])(
    '[P2] answers frames for the impossible peer id %j with one EXPIRE, and keeps the connection',
    async (dst) => {
      const { url } = await startServer();
      const ada = await peer(url, 'ada');
      ada.send(offer(dst));
      ada.send({ type: 'CANDIDATE', dst, payload: {} });
      ada.send({ type: 'LEAVE', dst });
      ada.send(offer('ada', 'fence'));
      await ada.next('OFFER');
      expect(ada.inbox.everything()).toEqual([
        { type: 'OPEN' },
        { type: 'EXPIRE', src: dst.slice(0, 256), dst: 'ada' },
        { type: 'OFFER', src: 'ada', dst: 'ada', payload: 'fence' },
      ]);
    },
  );

  it.each([
    ['a number', 5, '5'],
    ['zero', 0, '0'],
    ['a boolean', false, 'false'],
    ['an object', { id: 'bob' }, '[object Object]'],
    ['an array', ['bob'], '[object Array]'],
    ['an object with a toString of its own', { toString: 'bob', toJSON: 1 }, '[object Object]'],
  ])('[P2] answers frames whose peer id is %s with one EXPIRE for each call', async (_what, dst, src) => {
    const { url } = await startServer();
    const bob = await peer(url, 'bob');
    await peer(url, '5');
    const ada = await peer(url, 'ada');
    for (const connectionId of ['mc_1', 'dc_2'])
      for (const type of ['OFFER', 'CANDIDATE', 'ANSWER', 'LEAVE']) ada.send({ type, dst, payload: { connectionId } });
    ada.send({ type: 'LEAVE', dst });
    ada.send(offer('ada', 'fence'));
    await ada.next('OFFER');
    expect(ada.inbox.everything()).toEqual([
      { type: 'OPEN' },
      { type: 'EXPIRE', src, dst: 'ada' },
      { type: 'EXPIRE', src, dst: 'ada' },
      { type: 'OFFER', src: 'ada', dst: 'ada', payload: 'fence' },
    ]);
    ada.send(offer('bob', 'fence'));
    expect((await bob.inbox.next(({ type }) => type !== 'OPEN')).payload).toBe('fence');
  });

  it.each(['friend-1 ', 'absent'])('[P2] sends one EXPIRE for each call to %j', async (dst) => {
    const { url } = await startServer();
    const ada = await peer(url, 'ada');
    for (const connectionId of ['mc_1', 'mc_2']) {
      for (const type of ['OFFER', 'CANDIDATE', 'CANDIDATE']) ada.send({ type, dst, payload: { connectionId } });
      await ada.next('EXPIRE');
    }
    // Frames of both calls at once.
    for (const type of ['OFFER', 'CANDIDATE'])
      for (const connectionId of ['mc_3', 'mc_4']) ada.send({ type, dst, payload: { connectionId } });
    await ada.next('EXPIRE');
    await ada.next('EXPIRE');
    ada.send(offer('absent-as-well'));
    expect((await ada.next('EXPIRE')).src).toBe('absent-as-well');
    expect(ada.inbox.rest()).toEqual([]);
  });

  it.each([
    ['no type', {}],
    ['an unknown type', { type: 'EXPIRE', dst: 'bob' }],
    ['a type that is not a string', { type: ['OFFER'], dst: 'bob' }],
    ['OFFER without a peer id', { type: 'OFFER' }],
    ['OFFER for the peer id null', { type: 'OFFER', dst: null }],
    ['LEAVE without a peer id', { type: 'LEAVE' }],
    ['LEAVE for a peer id that is not a string', { type: 'LEAVE', dst: 5 }],
  ])('[P2] ignores a frame with %s, and keeps the connection', async (_what, frame) => {
    const { url } = await startServer();
    const bob = await peer(url, 'bob');
    const ada = await peer(url, 'ada');
    ada.send(frame);
    ada.send(offer('ada', 'fence'));
    await ada.next('OFFER');
    expect(ada.inbox.rest()).toEqual([]);
    ada.send(offer('bob', 'fence'));
    expect((await bob.inbox.next(({ type }) => type !== 'OPEN')).payload).toBe('fence');
  });

  it.each([
    ['more than 64 KiB', 'x'.repeat(65_536)],
    ['33 levels', JSON.parse(`${'['.repeat(32)}${']'.repeat(32)}`)],
  ])(
    '[P2] answers a frame of %s with EXPIRE, and closes the connection only when that repeats',
    async (_what, payload) => {
      const { url } = await startServer({ rateLimits: GENEROUS });
      const bob = await peer(url, 'bob');
      const ada = await peer(url, 'ada');
      ada.send(offer('bob', payload));
      expect(await ada.next('EXPIRE')).toEqual({ type: 'EXPIRE', src: 'bob', dst: 'ada' });
      ada.send(offer('bob', 'fence'));
      expect((await bob.next('OFFER')).payload).toBe('fence');
      for (let times = 0; times < 30; times += 1) ada.send(offer('bob', payload));
      expect(await ada.end()).toEqual({ code: 1008, reason: 'RATE_LIMITED' });
      bob.send(offer('bob', 'fence'));
      expect((await bob.next('OFFER')).payload).toBe('fence');
    },
  );

  it('[P2] does not answer LEAVE for an absent peer', async () => {
    const { url } = await startServer();
    const ada = await peer(url, 'ada');
    ada.send({ type: 'LEAVE', dst: 'absent' });
    ada.send(offer('absent-as-well'));
    // It waited for less time than the LEAVE did.
    expect((await ada.next('EXPIRE')).src).toBe('absent-as-well');
  });

  it('[P2] takes no id that the PeerJS client would not take', async () => {
    const { url } = await startServer();
    for (const id of ['-a', 'a--b', 'a\u0000', 'x'.repeat(129), '__proto__'])
      expect((await dial(url, { id, token: 't' }).end()).code).toBe(1008);
    expect((await dial(url, { id: 'a', token: 'x'.repeat(129) }).end()).code).toBe(1008);
    const wire = dial(url, { id: 'a', token: '' });
    await wire.next('ERROR');
    await wire.end();
  });

  it('[P3] closes a connection that says too much in a time', async () => {
    const { url } = await startServer({ rateLimits: { ...GENEROUS, peerFrames: 10 } });
    const bob = await peer(url, 'bob');
    const eve = await peer(url, 'eve');
    for (let times = 0; times < 20; times += 1) eve.send(offer('bob', times));
    expect(await eve.end()).toEqual({ code: 1008, reason: 'RATE_LIMITED' });
    bob.send({ type: 'HEARTBEAT' });
    for (let times = 0; times < 10; times += 1) expect((await bob.next('OFFER')).payload).toBe(times);
    expect(bob.inbox.rest()).toEqual([]);
  });

  it('[P3] lets one connection leave only so much for absent peers, and says so at once', async () => {
    const { url } = await startServer();
    const ada = await peer(url, 'ada');
    for (let times = 0; times < 10; times += 1) ada.send(offer(`absent${times}`, 'x'.repeat(60_000)));
    // Eight fit into half a mebibyte; the ninth is told to be hopeless before any of the first could expire.
    expect((await ada.next('EXPIRE')).src).toBe('absent8');
    expect((await ada.next('EXPIRE')).src).toBe('absent9');
    const bob = await peer(url, 'bob');
    bob.send(offer('absent', 'still room for others'));
    bob.send(offer('bob', 'fence'));
    await bob.next('OFFER');
    expect(bob.inbox.rest()).toEqual([]);
  });

  it('[P6] gives OPEN to the same peer coming back, and closes its old connection', async () => {
    const { url } = await startServer();
    const old = await peer(url, 'ada', 'hers');
    const back = await peer(url, 'ada', 'hers');
    await old.end();
    const bob = await peer(url, 'bob');
    bob.send(offer('ada'));
    expect((await back.next('OFFER')).src).toBe('bob');
    back.send(offer('bob'));
    expect((await bob.next('OFFER')).src).toBe('ada');
  });

  it('[P6] refuses the id of a connected peer to another token', async () => {
    const { url } = await startServer();
    const ada = await peer(url, 'ada', 'hers');
    const eve = dial(url, { id: 'ada', token: 'guessed' });
    await eve.next('ID-TAKEN');
    await eve.end();
    ada.send(offer('ada', 'still here'));
    await ada.next('OFFER');
  });

  it('[R8] keeps the id of a participant for its owner while it is away', async () => {
    const { url } = await startServer();
    const wire = await peer(url, 'hers', 'secret');
    const ada = await participant(url, { userId: 'ada', peerId: 'hers' });
    wire.ws.terminate();
    expect((await ada.next('call:peer-status')).online).toBe(false);
    await dial(url, { id: 'hers', token: 'guessed' }).next('ID-TAKEN');
    const back = await peer(url, 'hers', 'secret');
    expect((await ada.next('call:peer-status')).online).toBe(true);
    back.ws.terminate();
    await ada.next('call:peer-status');
    taken(await ada.ask('call:leave', { meetingId: 'meeting', userId: 'ada' }));
    await opened(() => dial(url, { id: 'hers', token: 'another' }));
  });

  it('[P7] knows who rings: a peer in a call, a peer in none, nobody', async () => {
    const { url } = await startServer();
    await peer(url, 'lone');
    const who = async (id: string) => (await get(`${url}/api/call/peers/${id}`)).body.data;
    expect(await who('lone')).toEqual({ peerId: 'lone', online: true, userId: null, username: null });
    await participant(url, { userId: 'ada', peerId: 'not-yet-online' });
    expect(await who('not-yet-online')).toMatchObject({ online: false, userId: 'ada' });
    expect(await who('nobody')).toBeUndefined();
  });

  it('[P1] sends to other nodes what is for nobody here, and takes what comes from there', async () => {
    const sent: [string, unknown][] = [];
    let deliver: (toPeerId: string, frame: string) => void = () => undefined;
    const frames = {
      send: (to: string, frame: string) => Promise.resolve(sent.push([to, JSON.parse(frame)]) > 0),
      listen: (listener: typeof deliver) => (deliver = listener),
    };
    const { url } = await startServer({ backplane: { ...createMemoryBackplane(), frames } });
    const ada = await peer(url, 'ada');
    ada.send(offer('elsewhere', 'hello'));
    deliver('ada', JSON.stringify({ type: 'ANSWER', src: 'elsewhere', dst: 'ada' }));
    expect((await ada.next('ANSWER')).src).toBe('elsewhere');
    ada.send(offer('ada', 'fence'));
    await ada.next('OFFER');
    expect(sent).toEqual([['elsewhere', { ...offer('elsewhere', 'hello'), src: 'ada' }]]);
  });
});

/** Dials until the broker opens; each refusal is an answer, not a wait. */
async function opened(redial: () => PeerWire): Promise<void> {
  for (;;) {
    const { type } = await redial().inbox.next();
    if (type === 'OPEN') return;
  }
}

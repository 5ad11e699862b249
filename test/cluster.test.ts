// Several nodes are one: the rules of a call and of the broker, with each participant on another node.

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  DEADLINE_MS,
  connect,
  connected,
  cut,
  dial,
  fence,
  GENEROUS,
  get,
  joinAs,
  offer,
  participant,
  peer,
  refused,
  self,
  taken,
  type Participant,
} from './helpers';
import { expectAgreement, processesOn, startNodes, turnTo } from './nodes';
import { RedisServer } from './redis-server';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.end());

describe('[N1] a call on several nodes', () => {
  it('[R2] [R11] [R12] shows each the others, and brings signals and status', async () => {
    const [a, b] = await startNodes(redis, 2);
    const ada = await participant(a.url, { userId: 'ada' });
    const bob = await participant(b.url, { userId: 'bob' }, { namespace: '/call' });
    expect(bob.joined.participants).toMatchObject([{ userId: 'ada' }]);
    expect(await ada.next('call:peer-joined')).toMatchObject({ userId: 'bob' });
    await fence(ada, bob);
    await fence(bob, ada);
    taken(await bob.ask('call:unmute', self(bob)));
    taken(await bob.ask('call:unmute', self(bob)));
    for (const each of [ada, bob])
      expect(await each.next('call:mute-status')).toMatchObject({ userId: 'bob', isMuted: false });
    await expectAgreement([a.url, b.url], ['ada', 'bob']);
    bob.socket.disconnect();
    expect(await ada.next('call:peer-left')).toMatchObject({ userId: 'bob', reason: 'left' });
    expect(ada.rest('call:mute-status', 'call:peer-left')).toEqual([]);
    await expectAgreement([a.url, b.url], ['ada']);
  });

  it('[R2] of ten who join at once on three nodes, of any two exactly one is given the other', async () => {
    const nodes = await startNodes(redis, 3);
    const ids = Array.from({ length: 10 }, (_, index) => `user-${index}`);
    const clients = await Promise.all(ids.map((_, index) => connect(nodes[index % 3]?.url ?? '')));
    const all = await Promise.all(clients.map((client, index) => joinAs(client, { userId: ids[index] ?? '' })));
    for (const one of all) {
      const given = one.joined.participants.map(({ userId }) => userId);
      const told: string[] = [];
      while (given.length + told.length < 9) told.push((await one.next('call:peer-joined')).userId);
      expect([...given, ...told].sort()).toEqual(ids.filter((id) => id !== one.userId));
    }
    expect(all.flatMap((one) => one.rest('call:peer-joined'))).toEqual([]);
  });

  it('[R4] seats exactly three of twenty on three nodes, a hundred times', async () => {
    const nodes = await startNodes(redis, 3, { maxParticipants: 3 });
    const clients = await Promise.all(Array.from({ length: 20 }, (_, index) => connect(nodes[index % 3]?.url ?? '')));
    for (let round = 0; round < 100; round += 1) {
      const meetingId = `round-${round}`;
      const answers = await Promise.all(
        clients.map((client, index) =>
          client.ask('call:join', { meetingId, userId: `u${index}`, peerId: `p${index}` }),
        ),
      );
      expect(answers.filter(({ success }) => success)).toHaveLength(3);
      const refusals = answers.filter((answer) => !answer.success).map(refused);
      expect(refusals).toEqual(refusals.map(() => 'ROOM_FULL'));
      const seated = answers.flatMap(({ success }, index) => (success ? [`u${index}`] : []));
      await expectAgreement([nodes[round % 3]?.url ?? ''], seated, meetingId);
    }
  });

  it('[R17] brings a new name to other nodes', async () => {
    const [a, b] = await startNodes(redis, 2);
    const ada = await participant(a.url, { userId: 'ada' });
    const bob = await participant(b.url, { userId: 'bob' });
    taken(await ada.ask('call:rename', { ...self(ada), username: 'Countess' }));
    expect(await bob.next('call:peer-renamed')).toMatchObject({ userId: 'ada', username: 'Countess' });
    const carol = await participant(b.url, { userId: 'carol' });
    const names = carol.joined.participants.map(({ username }) => username);
    expect(names.sort()).toEqual(['Countess', 'bob']);
  });

  it('[R5] lets the same user take the seat over on another node', async () => {
    const [a, b] = await startNodes(redis, 2);
    const ada = await participant(a.url, { userId: 'ada' });
    const old = await participant(a.url, { userId: 'bob', peerId: 'old' });
    const bob = await participant(b.url, { userId: 'bob', peerId: 'new' });
    expect((await old.next('call:error')).code).toBe('REPLACED');
    await ada.next('call:peer-joined');
    expect((await ada.next('call:peer-joined')).peerId).toBe('new');
    old.socket.disconnect();
    await fence(bob, ada);
    await fence(ada, bob);
    expect(ada.rest('call:peer-left', 'call:peer-joined')).toEqual([]);
    await expectAgreement([a.url, b.url], ['ada', 'bob']);
  });

  it('[R7] lets who joins another call on another node leave the first', async () => {
    const [a, b] = await startNodes(redis, 2);
    const ada = await participant(a.url, { userId: 'ada', meetingId: 'first' });
    const bob = await participant(b.url, { userId: 'bob', meetingId: 'first' });
    await joinAs(bob, { userId: 'bob', meetingId: 'second' });
    expect(await ada.next('call:peer-left')).toMatchObject({ userId: 'bob', reason: 'moved' });
    await expectAgreement([a.url, b.url], ['ada'], 'first');
    await expectAgreement([a.url, b.url], ['bob'], 'second');
  });

  it('[R8] keeps a peer id for one person, on whichever node it is claimed', async () => {
    const [a, b] = await startNodes(redis, 2);
    await participant(a.url, { userId: 'ada', peerId: 'hers' });
    const eve = await connect(b.url);
    const claim = { meetingId: 'another', userId: 'eve', peerId: 'hers' };
    expect(refused(await eve.ask('call:join', claim))).toBe('PEER_ID_TAKEN');
  });

  it('[P1] lists the peers of all nodes with PEER_DISCOVERY=on', async () => {
    const [a, b] = await startNodes(redis, 2, { peerDiscovery: true });
    await Promise.all([peer(a.url, 'ada'), peer(b.url, 'bob')]);
    for (const { url } of [a, b]) {
      const { body } = await get(`${url}/peerjs/peerjs/peers`);
      expect((body as unknown as string[]).sort()).toEqual(['ada', 'bob']);
    }
  });

  it('[D3] [P7] limits, counts and looks up for all nodes together', async () => {
    const windowMs = 60_000;
    const [a, b] = await startNodes(redis, 2, { rateLimits: { ...GENEROUS, requests: 5, windowMs } });
    await participant(a.url, { userId: 'ada', peerId: 'hers' });
    await peer(a.url, 'hers');
    await peer(b.url, 'lone');
    const lookedUp = await get(`${b.url}/api/call/peers/hers`);
    expect(lookedUp.body.data).toEqual({ peerId: 'hers', online: true, userId: 'ada', username: 'ada' });
    for (const { url } of [a, b])
      expect((await get(`${url}/api/call/stats`)).body.data).toMatchObject({
        activeCalls: 1,
        totalUsersInCalls: 1,
        peers: { online: 2, inCalls: 1 },
      });
    const answers = await Promise.all([a, b, a, b].map(({ url }) => get(`${url}/api/call/ice-servers`)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(2);
    expect(answers.find(({ status }) => status === 429)?.body).toMatchObject({ code: 'RATE_LIMITED' });
  });
});

describe('[N2] who comes back on another node', () => {
  it('[R6] keeps the seat, and is told what it missed', async () => {
    const [a, b] = await startNodes(redis, 2);
    const ada = await participant(a.url, { userId: 'ada' });
    const bob = await participant(a.url, { userId: 'bob' }, { reconnectionDelay: 200 });
    const carol = await participant(b.url, { userId: 'carol' });
    turnTo(bob, b.url);
    const back = connected(bob);
    cut(bob);
    for (const other of [ada, carol])
      expect(await other.next('call:peer-reconnecting')).toMatchObject({ userId: 'bob' });
    taken(await ada.ask('call:unmute', self(ada)));
    const said = fence(carol, bob);
    await back;
    expect(bob.socket.recovered).toBe(true);
    await said;
    expect(await bob.next('call:mute-status')).toMatchObject({ userId: 'ada', isMuted: false });
    for (const other of [ada, carol])
      expect(await other.next('call:peer-reconnected')).toMatchObject({ userId: 'bob' });
    await fence(bob, ada);
    await fence(ada, bob);
    await expectAgreement([a.url, b.url], ['ada', 'bob', 'carol']);
    expect([...ada.rest('call:peer-left'), ...carol.rest('call:peer-left')]).toEqual([]);
    expect(bob.rest('call:peers-list', 'call:error')).toEqual([]);
  });

  it('[R6] loses nothing while it goes back and forth, whoever speaks meanwhile', async () => {
    const [a, b] = await startNodes(redis, 2);
    const ada = await participant(a.url, { userId: 'ada' });
    const carol = await participant(b.url, { userId: 'carol' });
    const bob = await participant(a.url, { userId: 'bob' }, { reconnectionDelay: 1, reconnectionDelayMax: 5 });
    await carol.next('call:peer-joined');
    const heard: unknown[] = [];
    bob.socket.on('call:signal', ({ signal }) => heard.push(signal));
    const sent: unknown[] = [];
    let isOver = false;
    const talk = async (from: Participant) => {
      const parties = { meetingId: 'meeting', fromUserId: from.userId, toUserId: 'bob', signalType: 'offer' } as const;
      let count = 0;
      while (!isOver) {
        const signal = { from: from.userId, count };
        const answer = await from.ask('call:signal', { ...parties, signal });
        if (answer.success) {
          sent.push(signal);
          count += 1;
        } else expect(answer.code).toBe('RATE_LIMITED'); // [P8]: a fast machine reaches the limit in bytes.
      }
    };
    const talking = [talk(ada), talk(carol)];
    for (let times = 0; times < 20; times += 1) {
      turnTo(bob, times % 2 ? a.url : b.url);
      const back = connected(bob);
      cut(bob);
      await back;
      expect(bob.socket.recovered).toBe(true);
      await ada.next('call:peer-reconnected');
    }
    isOver = true;
    await Promise.all(talking);
    await Promise.all([fence(ada, bob), fence(carol, bob)]);
    const of = (userId: string, list: unknown[]) =>
      list
        .filter((signal) => (signal as { from?: string }).from === userId)
        .map((signal) => (signal as { count: number }).count);
    for (const userId of ['ada', 'carol']) expect(of(userId, heard)).toEqual(of(userId, sent));
    expect(sent.length).toBeGreaterThan(40);
  });

  it('[R6] is known there before its old connection was found dead', async () => {
    const [a, b] = await startNodes(redis, 2);
    const ada = await participant(a.url, { userId: 'ada' });
    const bob = await participant(a.url, { userId: 'bob' }, { reconnectionDelay: 10 });
    // The old connection stays open, as after a change of networks: only the client knows that it is over.
    const { ws } = bob.socket.io.engine.transport as unknown as { ws: { close: () => void } };
    ws.close = () => undefined;
    turnTo(bob, b.url);
    const back = connected(bob);
    bob.socket.io.engine.close();
    (bob.socket.io.engine.transport as unknown as { onClose: () => void }).onClose();
    await back;
    expect(bob.socket.recovered).toBe(true);
    await ada.next('call:peer-reconnecting');
    await ada.next('call:peer-reconnected');
    await fence(ada, bob);
    await fence(bob, ada);
    expect(ada.rest('call:peer-left', 'call:peer-reconnecting')).toEqual([]);
  });

  it('finds no seat by a ticket that is nobody’s, and none in another namespace', async () => {
    const [a, b] = await startNodes(redis, 2);
    const ada = await participant(a.url, { userId: 'ada' });
    const { _pid: pid } = ada.socket as unknown as { _pid: string };
    for (const auth of [
      { pid: 'made-up', offset: '1' },
      { pid, offset: '1' },
    ]) {
      const eve = await connect(b.url, { auth, namespace: '/call' });
      expect(eve.socket.recovered).toBe(false);
    }
    await fence(ada, ada);
    expect(ada.rest('call:peer-reconnecting')).toEqual([]);
  });
});

describe('[N3] a node that dies', () => {
  it('has its people come back on another one, in their seats, told anew who is there', async () => {
    const start = processesOn(redis);
    const [a, b] = [await start(), await start()];
    const ada = await participant(b.url, { userId: 'ada' });
    const bob = await participant(a.url, { userId: 'bob' }, { reconnectionDelay: 10 });
    turnTo(bob, b.url);
    const back = connected(bob);
    await a.server.end('SIGKILL');
    await back;
    expect(bob.socket.recovered).toBe(true);
    // Not by the list of all, which means to ring them.
    expect(await bob.next('call:mute-status')).toMatchObject({ userId: 'ada', isMuted: true });
    expect(bob.rest('call:peers-list')).toEqual([]);
    await ada.next('call:peer-reconnecting');
    await ada.next('call:peer-reconnected');
    await fence(ada, bob);
    await fence(bob, ada);
    const late = await participant(b.url, { userId: 'late' });
    expect(late.joined.participants).toHaveLength(2);
    expect(ada.rest('call:peer-left')).toEqual([]);
  });

  it('[R9] has those who do not come back leave after its lease and their grace, once', async () => {
    const start = processesOn(redis, { RECONNECT_GRACE_MS: '500' });
    const [a, b, c] = [await start(), await start(), await start()];
    const ada = await participant(b.url, { userId: 'ada' });
    const carol = await participant(c.url, { userId: 'carol' });
    const bob = await participant(a.url, { userId: 'bob' }, { reconnection: false });
    await peer(a.url, 'peer-bob');
    expect(await ada.next('call:peer-status')).toMatchObject({ userId: 'bob', online: true });
    await a.server.end('SIGKILL');
    for (const other of [ada, carol]) {
      await other.next('call:peer-reconnecting');
      expect(await other.next('call:peer-left')).toMatchObject({ userId: 'bob', reason: 'lost' });
    }
    expect(await ada.next('call:peer-status')).toMatchObject({ userId: 'bob', online: false });
    await expectAgreement([b.url, c.url], ['ada', 'carol']);
    // Its peer id is nobody's any more.
    await dial(b.url, { id: 'peer-bob', token: 'another' }).next('OPEN');
    await fence(ada, carol);
    await fence(carol, ada);
    expect([...ada.rest('call:peer-left'), ...carol.rest('call:peer-left')]).toEqual([]);
    expect(bob.socket.connected).toBe(false);
  });
});

describe('[N4] a node that is stopped', () => {
  it('[D4] has its people go on elsewhere, in their seats, with what was said to them meanwhile', async () => {
    const start = processesOn(redis);
    const [a, b] = [await start(), await start()];
    const ada = await participant(b.url, { userId: 'ada' });
    const bob = await participant(a.url, { userId: 'bob' }, { reconnectionDelay: 500 });
    turnTo(bob, b.url);
    const back = connected(bob);
    const { code } = await a.server.end('SIGTERM');
    expect(code).toBe(0);
    await ada.next('call:peer-reconnecting');
    const said = fence(ada, bob);
    await back;
    expect(bob.socket.recovered).toBe(true);
    await said;
    await ada.next('call:peer-reconnected');
    await fence(bob, ada);
    await expectAgreement([b.url], ['ada', 'bob']);
    expect(ada.rest('call:peer-left')).toEqual([]);
  });
});

describe('[N1] the broker on several nodes', () => {
  it('[P1] brings frames from node to node, once and in order', async () => {
    const [a, b] = await startNodes(redis, 2);
    const ada = await peer(a.url, 'ada');
    const bob = await peer(b.url, 'bob');
    for (let count = 0; count < 200; count += 1) ada.send(offer('bob', count));
    for (let count = 0; count < 200; count += 1)
      expect(await bob.next('OFFER')).toEqual({ ...offer('bob', count), src: 'ada' });
    bob.send({ type: 'ANSWER', dst: 'ada', payload: 'hello' });
    expect(await ada.next('ANSWER')).toMatchObject({ src: 'bob', payload: 'hello' });
    expect(bob.inbox.rest()).toEqual([]);
  });

  it('[P1] keeps frames for who connects a moment later to another node, or to the same', async () => {
    const [a, b] = await startNodes(redis, 2);
    const ada = await peer(a.url, 'ada');
    for (const [id, { url }] of [['bob', b] as const, ['carol', a] as const]) {
      const counts = [0, 1, 2, 3, 4];
      for (const count of counts.slice(0, 4)) ada.send(offer(id, count));
      ada.send(offer('ada', 'fence'));
      await ada.next('OFFER');
      const late = await peer(url, id);
      ada.send(offer(id, 4));
      for (const count of counts) expect((await late.next('OFFER')).payload).toBe(count);
    }
  });

  it('[P1] says once who did not come', async () => {
    const [a, b] = await startNodes(redis, 2);
    const ada = await peer(a.url, 'ada');
    ada.send(offer('nobody', 1));
    ada.send(offer('nobody', 2));
    expect(await ada.next('EXPIRE')).toEqual({ type: 'EXPIRE', src: 'nobody', dst: 'ada' });
    // The second one has waited as long only a moment later.
    const look = redis.look();
    await vi.waitUntil(async () => !(await look.keys('*:waiting:nobody')).length, {
      interval: 20,
      timeout: DEADLINE_MS,
    });
    const late = await peer(b.url, 'nobody');
    ada.send(offer('nobody', 'new'));
    expect((await late.next('OFFER')).payload).toBe('new');
    ada.send(offer('ada', 'fence'));
    await ada.next('OFFER');
    expect([...ada.inbox.rest(), ...late.inbox.rest()]).toEqual([]);
  });

  it('[P2] does not answer LEAVE for a peer that is absent on both nodes', async () => {
    const [a] = await startNodes(redis, 2);
    const ada = await peer(a.url, 'ada');
    ada.send({ type: 'LEAVE', dst: 'absent' });
    ada.send(offer('absent-as-well'));
    // It waited for less time than the LEAVE did.
    expect((await ada.next('EXPIRE')).src).toBe('absent-as-well');
    expect(ada.inbox.rest()).toEqual([]);
  });

  it('[P8] refuses large signals and frames to one client on another node', async () => {
    const [a, b] = await startNodes(redis, 2);
    const bob = await participant(b.url, { userId: 'bob' });
    const ada = await participant(a.url, { userId: 'ada' });
    const bobsPeer = await peer(b.url, 'peer-bob');
    const adasPeer = await peer(a.url, 'peer-ada');
    const large = {
      ...{ meetingId: 'meeting', fromUserId: 'ada', toUserId: 'bob', fromPeerId: 'peer-ada', toPeerId: 'peer-bob' },
      ...{ signal: { sdp: 'x'.repeat(60_000) }, signalType: 'offer' as const },
    };
    const answers = [];
    for (let sent = 0; sent < 20; sent += 1) answers.push(await ada.ask('call:signal', large));
    expect(answers.map((answer) => (answer.success ? '' : answer.code))).toContain('RATE_LIMITED');
    for (let sent = 0; sent < 20; sent += 1) adasPeer.send(offer('peer-bob', large.signal));
    expect((await adasPeer.next('EXPIRE')).src).toBe('peer-bob');
    taken(await bob.ask('call:unmute', { meetingId: 'meeting', userId: 'bob' }));
    bobsPeer.send(offer('peer-ada', 'still connected'));
    expect((await adasPeer.next('OFFER')).payload).toBe('still connected');
  });

  it('[P6] gives an id once: to the same peer anew, wherever it connects, to no other', async () => {
    const [a, b] = await startNodes(redis, 2);
    const old = await peer(a.url, 'ada', 'hers');
    await dial(b.url, { id: 'ada', token: 'guessed' }).next('ID-TAKEN');
    const back = await peer(b.url, 'ada', 'hers');
    expect((await old.end()).code).toBe(1008);
    const bob = await peer(a.url, 'bob');
    bob.send(offer('ada', 'hello'));
    expect((await back.next('OFFER')).payload).toBe('hello');
    expect((await get(`${a.url}/api/call/peers/ada`)).body.data).toMatchObject({ online: true });
  });

  it('[P6] of a hundred connections of one peer to two nodes at once, leaves one open', async () => {
    const nodes = await startNodes(redis, 2);
    const wires = Array.from({ length: 100 }, (_, index) =>
      dial(nodes[index % 2]?.url ?? '', { id: 'ada', token: 'hers' }),
    );
    const ended = new Set<number>();
    const last = new Promise<void>((resolve) => {
      wires.forEach((wire, index) => void wire.closed.then(() => ended.add(index).size === 99 && resolve()));
    });
    await last;
    const left = wires.find((_, index) => !ended.has(index));
    const bob = await peer(nodes[0].url, 'bob');
    bob.send(offer('ada', 'hello'));
    expect((await left?.next('OFFER'))?.payload).toBe('hello');
  });
});

describe('[N7] what is in Redis', () => {
  it('begins with the prefix, expires, and is gone when nobody is there any more', async () => {
    const prefix = 'tidy';
    const nodes = await startNodes(redis, 2, {}, { prefix });
    const ada = await participant(nodes[0].url, { userId: 'ada' });
    const bob = await participant(nodes[1].url, { userId: 'bob' });
    const wires = [await peer(nodes[0].url, 'peer-ada'), await peer(nodes[1].url, 'elsewhere')];
    wires[0]?.send(offer('nobody', 'waits'));
    await ada.next('call:peer-joined');
    await fence(ada, bob);
    const look = redis.look();
    const all = await look.keys('*');
    const ours = all.filter((key) => key.startsWith(`${prefix}:`));
    expect(ours.length).toBeGreaterThan(10);
    for (const key of ours) expect(await look.pttl(key), key).toBeGreaterThan(0);

    for (const { ws } of wires) ws.close();
    bob.socket.disconnect();
    await ada.next('call:peer-left');
    await ada.ask('call:leave', self(ada));
    await Promise.all(nodes.map(({ calls }) => calls.close()));
    const left = (await look.keys(`${prefix}:*`)).filter(
      (key) => !/:(nodes|version|limit:.*|waiting:nobody)$/.test(key),
    );
    expect(left).toEqual([]);
  });
});

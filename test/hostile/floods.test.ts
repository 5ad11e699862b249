// Floods at every door, under the limits that a server has unless it is told others.

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { before, connect, type Client } from '../helpers';
import { loadConfig } from '../../src/index';
import { ask, dialFrom, evilPeer, from, inOneBreath, peerFence, UPGRADE, type HttpAnswer } from './attackers';
import { besieged, type ServerUnderAttack } from './siege';

const attack = besieged();

const { events, peerFrames, connections, requests, windowMs } = loadConfig().rateLimits;
const MUTE = { meetingId: 'evil', userId: 'mallory' };
const AGAINST_THE_RULES = 1008;

interface Refusal {
  code: string;
  retryAfterMs?: number;
}

/** The reason for which the server ended this connection. */
function ended({ socket }: Client): Promise<string> {
  const end = new Promise<string>((resolve) => void socket.once('disconnect', resolve));
  return before(end, () => 'the end of a flood');
}

for (const namespace of ['/', '/call'])
  attack(
    `events on ${namespace} are refused beyond the limit, and a flood that goes on is cut off`,
    async ({ url }) => {
      const client = await connect(url, { namespace, ...from() });
      const end = ended(client);
      const answers: Refusal[] = [];
      for (let sent = 0; sent < 3 * events; sent += 1)
        client.wild.emit('call:mute', MUTE, (answer: unknown) => answers.push(answer as Refusal));
      expect(await end).toMatch(/server|transport/);

      expect(answers.slice(0, 10).map(({ code }) => code)).toEqual(Array(10).fill('NOT_IN_CALL'));
      const limited = answers.filter(({ code }) => code === 'RATE_LIMITED');
      expect(limited.length).toBeGreaterThan(0);
      for (const { retryAfterMs } of limited) {
        expect(retryAfterMs).toBeGreaterThan(0);
        expect(retryAfterMs).toBeLessThanOrEqual(windowMs);
      }
      // It was never more than the limit that got through.
      expect(answers.length - limited.length).toBeLessThanOrEqual(events);
    },
  );

attack('events without acknowledgement are refused beyond the limit by call:error', async ({ url }) => {
  const client = await connect(url, from());
  const end = ended(client);
  for (let sent = 0; sent < 3 * events; sent += 1) client.wild.emit('no such event', sent);
  await end;
  const codes = client.rest('call:error').map(([, payload]) => payload as Refusal);
  const limited = codes.filter(({ code }) => code === 'RATE_LIMITED');
  expect(limited.length).toBeGreaterThan(0);
  for (const { retryAfterMs } of limited) expect(retryAfterMs).toBeGreaterThan(0);
  expect(codes.some(({ code }) => code === 'INVALID_PAYLOAD')).toBe(true);
});

attack('who only hits the limit once is not cut off', async ({ url }) => {
  const client = await connect(url, from());
  const codes = new Set<string>();
  for (let sent = 0; sent < events + 10; sent += 1)
    client.wild.emit('call:mute', MUTE, (answer: unknown) => codes.add((answer as Refusal).code));
  expect((await client.askWildly('call:mute', MUTE)) as Refusal).toMatchObject({ code: 'RATE_LIMITED' });
  expect([...codes].sort()).toEqual(['NOT_IN_CALL', 'RATE_LIMITED']);
  expect(client.socket.connected).toBe(true);
});

attack('as many PeerJS frames as allowed come through, and one more closes the socket', async (server) => {
  const id = `evil-${randomUUID()}`;
  const wire = await evilPeer(server, id);
  for (let sent = 1; sent < peerFrames; sent += 1) wire.send({ type: 'CANDIDATE', dst: id, payload: sent });
  await peerFence(wire, id);
  inOneBreath(wire, () => {
    for (let more = 0; more < 1000; more += 1) wire.send({ type: 'HEARTBEAT' });
  });
  expect(await wire.end()).toEqual({ code: AGAINST_THE_RULES, reason: 'RATE_LIMITED' });
});

attack('heartbeats and frames that wait for nobody count, too', async (server, { ana }) => {
  for (const frame of [{ type: 'HEARTBEAT' }, { type: 'OFFER', dst: 'nobody' }, { type: 'LEAVE', dst: 'nobody' }]) {
    const wire = await evilPeer(server, `evil-${randomUUID()}`);
    for (let sent = 0; sent < peerFrames + 500; sent += 1) wire.send(frame);
    // None of what comes after the limit is relayed.
    wire.send({ type: 'OFFER', dst: ana.person.peerId });
    expect((await wire.end()).code).toBe(AGAINST_THE_RULES);
  }
});

function isLimited(answer: HttpAnswer): void {
  expect(answer.status).toBe(429);
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  const body = JSON.parse(answer.text) as Refusal & { success: boolean };
  expect(body).toMatchObject({ success: false, code: 'RATE_LIMITED' });
  expect(body.retryAfterMs).toBeGreaterThan(0);
}

/** Every way in that makes a connection of an address, with and without what looks like one that exists. */
const WAYS_IN = [
  { path: '/socket.io/?EIO=4&transport=polling' },
  { path: '/socket.io/?EIO=4&transport=polling&sid=' },
  { path: '/socket.io/?EIO=4&transport=websocket', headers: UPGRADE },
  { path: '/socket.io/?EIO=4&transport=websocket&sid=', headers: UPGRADE },
  { path: '/socket.io/?EIO=4&transport=websocket&x&sid=&sid', headers: UPGRADE },
  { path: '/peerjs/peerjs?key=peerjs&id=mallory&token=t', headers: UPGRADE },
  { path: '/peerjs/peerjs?key=peerjs&id=mallory&token=t&sid=1', headers: UPGRADE },
];

/** Asks again and again until the address has had its share, in pieces small enough for the backlog of a server. */
async function useUp(
  server: ServerUnderAttack,
  path: string,
  limit: number,
  localAddress: string,
): Promise<HttpAnswer[]> {
  const answers: HttpAnswer[] = [];
  while (answers.length < limit) {
    const piece = Array.from({ length: Math.min(50, limit - answers.length) }, () =>
      ask(server, { path, localAddress }),
    );
    answers.push(...(await Promise.all(piece)));
  }
  return answers;
}

attack('connections beyond the limit are refused on every way in', async (server) => {
  const localAddress = '127.0.0.3';
  const path = '/socket.io/?EIO=4&transport=polling';
  const answers = await useUp(server, path, connections, localAddress);
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  for (const way of WAYS_IN) isLimited(await ask(server, { ...way, localAddress }));
  // A session of before goes on.
  const { sid } = JSON.parse((answers[0]?.text ?? '').slice(1)) as { sid: string };
  expect((await ask(server, { path: `${path}&sid=${sid}`, method: 'POST', body: '40', localAddress })).text).toBe('ok');
});

const QUERIES: Record<string, Record<string, string>> = {
  'with a session id that it does not need': { sid: '1' },
  'as they should': {},
};
for (const [how, query] of Object.entries(QUERIES))
  attack(`PeerJS sockets beyond the limit are refused, asked for ${how}`, async (server) => {
    const localAddress = 'sid' in query ? '127.0.0.4' : '127.0.0.5';
    const wires = Array.from({ length: connections + 20 }, (_, index) =>
      dialFrom(server, { id: `evil${index}`, token: 't', ...query }, { localAddress }),
    );
    const outcomes = await Promise.all(
      wires.map((wire) => Promise.race([wire.next('OPEN').then(() => 'open'), wire.end().then(() => 'refused')])),
    );
    expect(outcomes.filter((outcome) => outcome === 'open')).toHaveLength(connections);
    for (const { ws } of wires) ws.terminate();
  });

attack('REST requests beyond the limit are refused', async (server) => {
  const localAddress = '127.0.0.6';
  const answers = await useUp(server, '/api/call/stats', requests, localAddress);
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  for (const path of ['/api/call/stats', '/api/call/room/m', '/api/call/nope', '/peerjs/peerjs/id', '/peerjs'])
    isLimited(await ask(server, { path, localAddress }));
  // Who looks whether the server lives is told.
  expect((await ask(server, { path: '/health', localAddress })).status).toBe(200);
});

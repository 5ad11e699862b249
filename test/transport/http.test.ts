// REST, route by route, and what all routes share.

import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { version } from '../../package.json';
import { createMemoryBackplane } from '../../src/backplane/memory';
import { get, participant, peer, startServer } from '../helpers';

const ISO = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string;

describe('REST', () => {
  it('tells at / where everything is', async () => {
    const { url } = await startServer();
    const { status, body } = await get(url);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      name: 'back-call',
      service: 'voice-call-server',
      version,
      endpoints: { health: '/health', stats: '/api/call/stats', peerjs: '/peerjs' },
    });
    expect(body.socketEvents).toMatchObject({ clientToServer: expect.arrayContaining(['call:join']) as string[] });
  });

  it('is healthy and ready', async () => {
    const { url } = await startServer();
    const health = { status: 'ok', service: 'voice-call-server', timestamp: ISO, environment: 'test' };
    expect((await get(`${url}/health`)).body).toEqual(health);
    expect((await get(`${url}/api/call/health`)).body).toEqual({ success: true, ...health });
    expect((await get(`${url}/ready`)).body).toEqual({ status: 'ready', backplane: 'up' });
  });

  it('counts calls, participants and peers', async () => {
    const { url } = await startServer({ maxParticipants: 7, minParticipants: 3 });
    await participant(url, { userId: 'ada', meetingId: 'a' });
    await participant(url, { userId: 'bob', meetingId: 'b' });
    await peer(url, 'peer-ada');
    expect((await get(`${url}/api/call/stats`)).body).toEqual({
      success: true,
      data: {
        activeCalls: 2,
        totalUsersInCalls: 2,
        maxParticipantsPerCall: 7,
        minParticipantsPerCall: 3,
        peers: { online: 1, inCalls: 1 },
        uptimeSeconds: expect.any(Number) as number,
      },
    });
  });

  it('[R20] gives STUN servers only, unless TURN_OPEN is on', async () => {
    const turnRest = { urls: ['turn:t:1'], secret: 'shared', ttlSeconds: 60 };
    const options = { stunUrls: ['stun:s:1'], turnRest };
    const [{ url }, open] = await Promise.all([startServer(options), startServer({ ...options, turnOpen: true })]);
    for (const path of ['/api/call/ice-servers', '/api/call/config']) {
      expect((await get(`${url}${path}`)).body.data).toMatchObject({ iceServers: [{ urls: 'stun:s:1' }] });
      const { body } = await get(`${open.url}${path}`);
      const credentials = { username: expect.any(String) as string, credential: expect.any(String) as string };
      expect(body.data).toMatchObject({ iceServers: [{ urls: 'stun:s:1' }, { urls: 'turn:t:1', ...credentials }] });
    }
  });

  it('tells who is in a room, without peer ids', async () => {
    const { url } = await startServer();
    await participant(url, { userId: 'ada', meetingId: 'a b/c' });
    const room = `${url}/api/call/room/${encodeURIComponent('a b/c')}`;
    const ada = {
      userId: 'ada',
      username: 'ada',
      isMuted: true,
      isVideoOn: false,
      peerOnline: false,
      reconnecting: false,
    };
    expect((await get(room)).body).toEqual({
      success: true,
      data: { meetingId: 'a b/c', participants: 1, status: 'waiting', users: [ada] },
    });
    await participant(url, { userId: 'bob', meetingId: 'a b/c' });
    expect((await get(room)).body).toMatchObject({ data: { participants: 2, status: 'active' } });
  });

  it('refuses in one shape', async () => {
    const { url } = await startServer();
    const refusal = (code: string) => ({ success: false, message: expect.any(String) as string, code });
    expect(await get(`${url}/api/call/room/nobody`)).toMatchObject({ status: 404, body: refusal('ROOM_NOT_FOUND') });
    expect(await get(`${url}/api/call/peers/nobody`)).toMatchObject({ status: 404, body: refusal('PEER_NOT_FOUND') });
    expect(await get(`${url}/api/call/peers/-no-`)).toMatchObject({ status: 400, body: refusal('INVALID_PAYLOAD') });
    expect(await get(`${url}/api/call/room/${'x'.repeat(129)}`)).toMatchObject({ status: 400 });
    expect(await get(`${url}/api/call/room/%00`)).toMatchObject({ status: 400, body: refusal('INVALID_PAYLOAD') });
    expect(await get(`${url}/api/call/room/%zz`)).toMatchObject({ status: 400, body: refusal('INVALID_PAYLOAD') });
    for (const path of ['/nothing', '/api/call/nothing', '/peerjs/nothing/here', '/socket.io/nothing'])
      expect(await get(`${url}${path}`)).toMatchObject({ status: 404, body: refusal('NOT_FOUND') });
  });

  it('tells a bug without its text', async () => {
    const { url } = await startServer({
      backplane: {
        ...createMemoryBackplane(),
        isHealthy: () => Promise.reject(new Error('secret')),
      },
    });
    const { status, body } = await get(`${url}/ready`);
    expect(status).toBe(500);
    expect(body).toMatchObject({ success: false, code: 'INTERNAL_ERROR' });
    expect(JSON.stringify(body)).not.toContain('secret');
  });

  it('is not ready when what it stands on is down', async () => {
    const backplane = { ...createMemoryBackplane(), isHealthy: () => Promise.resolve(false) };
    const { url } = await startServer({ backplane });
    expect(await get(`${url}/ready`)).toMatchObject({
      status: 503,
      body: { status: 'unavailable', backplane: 'down' },
    });
  });

  it.each([
    [{}, 'peers.example', { host: 'peers.example', port: 80, secure: false }],
    [{}, 'peers.example:5000', { host: 'peers.example', port: 5000, secure: false }],
    [
      { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'evil.example' },
      'a.example',
      { host: 'a.example', port: 80, secure: false },
    ],
  ])('points a frontend at the host that it asked (%j, %s)', async (headers, host, expected) => {
    const { port } = await startServer();
    const { data } = await askAs(port, host, headers);
    expect(data.peer).toEqual({ path: '/peerjs', key: 'peerjs', ...expected });
  });

  it('points a frontend at the host in front of a trusted proxy', async () => {
    const { port } = await startServer({ trustProxy: 1 });
    const { data } = await askAs(port, 'internal:5000', {
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'a.example',
    });
    expect(data.peer).toMatchObject({ host: 'a.example', port: 443, secure: true });
  });

  it('sends the headers of helmet, and lets other origins read', async () => {
    const { url } = await startServer({ corsOrigins: ['https://app.example'] });
    const { headers } = await get(`${url}/health`, { Origin: 'https://app.example' });
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cross-origin-resource-policy')).toBe('cross-origin');
    expect(headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(headers.get('x-powered-by')).toBeNull();
  });

  it('[D3] limits requests by address, but for health and readiness', async () => {
    const rateLimits = { windowMs: 60_000, requests: 3, connections: 9, events: 9, peerFrames: 9 };
    const { url } = await startServer({ rateLimits });
    for (let times = 0; times < 3; times += 1) expect((await get(`${url}/api/call/stats`)).status).toBe(200);
    const { status, headers, body } = await get(`${url}/api/call/stats`);
    expect(status).toBe(429);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect(body).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) as number });
    for (const path of ['/', '/nothing', '/peerjs/peerjs/id']) expect((await get(`${url}${path}`)).status).toBe(429);
    expect((await get(`${url}/health`)).status).toBe(200);
    expect((await get(`${url}/ready`)).status).toBe(200);
  });
});

interface ConfigAnswer {
  data: { peer: unknown };
}

/** `fetch` does not let one choose the Host header. */
async function askAs(port: number, host: string, headers: Record<string, string>): Promise<ConfigAnswer> {
  return new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', path: '/api/call/config', headers: { ...headers, Host: host } };
    request(options, (res) => {
      let text = '';
      res.on('data', (chunk: Buffer) => (text += chunk.toString()));
      res.on('end', () => resolve(JSON.parse(text) as ConfigAnswer));
    })
      .on('error', reject)
      .end();
  });
}

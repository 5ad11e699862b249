// Stopping: rule D4, within one process. What a signal does to a process is in process.test.ts.

import { createConnection } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createMemoryBackplane } from '../src/backplane/memory';
import { before, connect, get, participant, peer, refused, refusedUpgrade, startServer } from './helpers';

/** A backplane whose next `seat` waits until it is let go. */
function heldBackplane() {
  const backplane = createMemoryBackplane();
  let open: (value?: unknown) => void = () => undefined;
  let reach: (value?: unknown) => void = () => undefined;
  const gate = new Promise((resolve) => (open = resolve));
  const reached = new Promise((resolve) => (reach = resolve));
  const seat = backplane.rooms.seat.bind(backplane.rooms);
  backplane.rooms.seat = async (...args) => {
    reach();
    await gate;
    return seat(...args);
  };
  return { backplane, reached, open };
}

describe('[D4] closing', () => {
  it('finishes what is under way, and lets nobody in meanwhile', async () => {
    const { backplane, reached, open } = heldBackplane();
    const { url, calls } = await startServer({ backplane });
    const ada = await connect(url);
    const bob = await connect(url);
    const joining = ada.ask('call:join', { meetingId: 'm', userId: 'ada', peerId: 'p' });
    await reached;
    const closed = calls.close();

    const notice = await ada.next('call:server-shutdown');
    expect(notice.reconnectInMs).toBeGreaterThanOrEqual(500);
    expect(notice.reconnectInMs).toBeLessThan(5500);
    expect(await get(`${url}/ready`)).toMatchObject({ status: 503, body: { status: 'draining' } });
    expect((await get(`${url}/health`)).status).toBe(200);
    const late = bob.ask('call:join', { meetingId: 'other', userId: 'bob', peerId: 'b' });
    expect(refused(await late)).toBe('SHUTTING_DOWN');
    const turnedAway = { status: 503, body: { code: 'SHUTTING_DOWN' } };
    expect(await refusedUpgrade(`${url}/socket.io/?EIO=4&transport=websocket`)).toMatchObject(turnedAway);
    expect(await refusedUpgrade(`${url}/peerjs/peerjs?key=peerjs&id=a&token=t`)).toMatchObject(turnedAway);
    expect(await get(`${url}/socket.io/?EIO=4&transport=polling`)).toMatchObject(turnedAway);

    open();
    expect((await joining).success).toBe(true);
    await closed;
  });

  it('closes every connection so that clients come back by themselves', async () => {
    const { url, calls } = await startServer();
    const ada = await participant(url, { userId: 'ada' }, { reconnection: false });
    const wire = await peer(url, 'peer-ada');
    const ended = new Promise((resolve) => ada.socket.once('disconnect', resolve));
    await calls.close();
    // After "io server disconnect", Socket.IO clients would stay away.
    expect(await before(ended, () => 'the end of the signaling connection')).toMatch(/^transport (close|error)$/);
    expect((await wire.end()).code).toBe(1012);
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });

  it('can be asked twice, and before it ever listened', async () => {
    const { calls } = await startServer();
    await Promise.all([calls.close(), calls.close()]);
    await calls.close();
    expect(calls.server.listening).toBe(false);
  });

  it('does not wait for a connection that asks for nothing', async () => {
    const { port, calls } = await startServer({ shutdownGraceMs: 60_000 });
    const silent = createConnection(port, '127.0.0.1');
    const ended = new Promise((resolve) => silent.once('close', resolve));
    await before(new Promise((resolve) => calls.server.once('connection', resolve)), () => 'the silent connection');
    await before(calls.close(), () => 'the end of closing');
    await before(ended, () => 'the end of the silent connection');
  });

  it('takes those who are away, connected and ringing along', async () => {
    const { url, calls } = await startServer({ reconnectGraceMs: 60_000 });
    const ada = await participant(url, { userId: 'ada' }, { reconnection: false });
    ada.socket.io.engine.close();
    const bob = await participant(url, { userId: 'bob' }, { reconnection: false });
    const wire = await peer(url, 'bob');
    await calls.close();
    await wire.end();
    expect(bob.socket.connected).toBe(false);
    expect(calls.server.listenerCount('upgrade')).toBe(0);
  });
});

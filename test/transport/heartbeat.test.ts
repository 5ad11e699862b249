// Life and death of PeerJS connections: rule P5. The guard's own interval is the only clock that is not real here.

import { createServer } from 'node:http';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createMemoryBackplane } from '../../src/backplane/memory';
import { monotonicNow } from '../../src/clock';
import { createLogger } from '../../src/logger';
import { PING } from '../../src/doors';
import { RefusalLog } from '../../src/refusal-log';
import { PeerGuard } from '../../src/transport/peer-guard';
import { listenOnLoopback } from '../free-port';
import { before, GENEROUS, Inbox, PeerWire } from '../helpers';

async function setUp() {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const log = createLogger({ logLevel: 'silent', logFormat: 'json' });
  const { peers, frames } = createMemoryBackplane();
  const guard = new PeerGuard({
    presence: peers,
    frames,
    rateLimits: GENEROUS,
    clientAddressOf: () => '127.0.0.1',
    log,
    refusals: new RefusalLog(log, monotonicNow),
  });
  const heard = new Inbox<string>();
  guard.on('connection', (socket) => {
    socket.on('message', (text) => heard.put(`${socket.id} ${text}`));
    socket.on('close', () => heard.put(`${socket.id} closed`));
  });
  const server = createServer();
  server.on('upgrade', (req, socket, head) => guard.accept(req, socket, head));
  const port = await listenOnLoopback(server);
  onTestFinished(async () => {
    await guard.close();
    server.close();
  });
  const open = async (id: string, autoPong: boolean) => {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/?key=peerjs&id=${id}&token=t`, { autoPong });
    const wire = new PeerWire(ws);
    await before(new Promise((resolve) => ws.once('open', resolve)), () => `${id} to open`);
    return wire;
  };
  return { heard, open, tick: () => vi.advanceTimersByTime(PING.interval) };
}

describe('[P5] heartbeats', () => {
  it('takes a pong for a heartbeat', async () => {
    const { heard, open, tick } = await setUp();
    await open('ada', true);
    tick();
    expect(await heard.next()).toBe('ada {"type":"HEARTBEAT"}');
  });

  it('ends who answers no ping, within 30 seconds, and nobody else', async () => {
    expect(2 * PING.interval).toBeLessThan(30_000);
    const { heard, open, tick } = await setUp();
    await open('ada', true);
    const dead = await open('dead', false);
    tick();
    await heard.next((line) => line.startsWith('ada {'));
    tick();
    expect((await dead.end()).code).toBe(1006);
    expect(await heard.next((line) => line.startsWith('dead'))).toBe('dead closed');
    await heard.next((line) => line.startsWith('ada {'));
    tick();
    expect(await heard.next()).toBe('ada {"type":"HEARTBEAT"}');
  });
});

// Explicit disconnects over long polling, in the orders in which clients such as python-socketio send them.

import { describe, expect, it, vi } from 'vitest';
import { cut, DEADLINE_MS, fence, participant, startServer } from '../helpers';
import { PollingWire } from '../polling-wire';

const CLOSE = '1';
const DISCONNECT = '41/call,';

describe('a client that disconnects over long polling', () => {
  const bodies: Record<string, string[]> = {
    'DISCONNECT and close in one body': [`${DISCONNECT}\u001e${CLOSE}`],
    'DISCONNECT alone': [DISCONNECT],
    'DISCONNECT, then close': [DISCONNECT, CLOSE],
    'an event, DISCONNECT and close in one body': [
      `42/call,["call:unmute",{"meetingId":"meeting","userId":"ada"}]\u001e${DISCONNECT}\u001e${CLOSE}`,
    ],
  };

  for (const isPending of [true, false])
    for (const [what, posts] of Object.entries(bodies))
      it(`[R6] leaves at once with ${what}, ${isPending ? 'while' : 'without'} a GET pending`, async () => {
        const { url } = await startServer({ reconnectGraceMs: 3_600_000 });
        const bob = await participant(url, { userId: 'bob' });
        const ada = await PollingWire.join(url, 'ada');
        const pending = isPending ? ada.poll().catch(() => []) : undefined;
        for (const body of posts) await ada.post(body);
        expect(await bob.next('call:peer-left')).toMatchObject({ userId: 'ada', reason: 'left' });
        if (posts.at(-1)?.endsWith(CLOSE)) await pending;
        await fence(bob, bob);
        expect(bob.rest('call:peer-left', 'call:peer-reconnecting')).toEqual([]);
      });

  it('[R6] leaves at once when it aborts its GET right after DISCONNECT', async () => {
    const { url } = await startServer({ reconnectGraceMs: 3_600_000 });
    const bob = await participant(url, { userId: 'bob' });
    const ada = await PollingWire.join(url, 'ada');
    const abort = new AbortController();
    const pending = ada.poll(abort.signal).catch(() => undefined);
    await ada.post(DISCONNECT);
    abort.abort();
    await pending;
    expect(await bob.next('call:peer-left')).toMatchObject({ userId: 'ada', reason: 'left' });
  });

  it('[R6] leaves at once when it aborts its GET before DISCONNECT', async () => {
    const { url } = await startServer({ reconnectGraceMs: 3_600_000 });
    const bob = await participant(url, { userId: 'bob' });
    const ada = await PollingWire.join(url, 'ada');
    const abort = new AbortController();
    const pending = ada.poll(abort.signal).catch(() => undefined);
    // The server handles the requests of other sessions in between, so that the GET is pending there.
    await fence(bob, bob);
    abort.abort();
    await pending;
    await bob.next('call:peer-reconnecting');
    // The session of the client has ended, which the response says.
    expect(await ada.status(`42["call:mute"]\u001e41\u001e${CLOSE}`)).toBe(400);
    expect(await ada.status('x'.repeat(5000))).toBe(400);
    expect(await ada.status(`${DISCONNECT}\u001e${CLOSE}`)).toBe(400);
    expect(await bob.next('call:peer-left')).toMatchObject({ userId: 'ada', reason: 'left' });
    await fence(bob, bob);
    expect(bob.rest('call:peer-left')).toEqual([]);
  });

  // Socket.IO's client sends the close packet after errors, too, and then reconnects.
  it('[R6] keeps its seat with an Engine.IO close packet alone', async () => {
    const { url } = await startServer({ reconnectGraceMs: 3_600_000 });
    const bob = await participant(url, { userId: 'bob' });
    const ada = await participant(url, { userId: 'ada' }, { transports: ['polling'] });
    cut(ada);
    expect(await bob.next('call:peer-reconnecting')).toMatchObject({ userId: 'ada' });
    expect(await bob.next('call:peer-reconnected')).toMatchObject({ userId: 'ada' });
    await vi.waitFor(() => expect(ada.socket.recovered).toBe(true), DEADLINE_MS);
    expect(bob.rest('call:peer-left')).toEqual([]);
  });
});

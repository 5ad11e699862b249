// The protocol: what its schemas take, and what its types forbid. `npm run types` checks the latter.

import type { Socket } from 'socket.io-client';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { clientEvents, type ClientToServerEvents, type Replies, type ServerToClientEvents } from '../src/protocol';

const join = { meetingId: 'm', userId: 'u', peerId: 'p', username: 'n' };
const takes = (fields: object) => clientEvents['call:join'].safeParse({ ...join, ...fields }).success;

const parties = { meetingId: 'm', fromUserId: 'a', toUserId: 'b', fromPeerId: 'pa', toPeerId: 'pb' };
const carries = (signal: unknown) =>
  clientEvents['call:signal'].safeParse({ ...parties, signalType: 'offer', signal }).success;

describe('the schemas', () => {
  it.each(['meetingId', 'userId'])('take a %s of 1 to 128 characters without control characters', (field) => {
    for (const id of ['x', 'x'.repeat(128), 'Ünïcödé 🎧', '__proto__', '../..', 'a:b'])
      expect(takes({ [field]: id }), id).toBe(true);
    for (const id of [
      '',
      'x'.repeat(129),
      'a\nb',
      'a\u0000',
      '\u007f',
      '\u0085',
      5,
      null,
      ['x'],
      { id: 'x' },
      undefined,
    ])
      expect(takes({ [field]: id }), JSON.stringify(id)).toBe(false);
  });

  it('take the peer ids that the PeerJS client takes', () => {
    for (const peerId of ['a', 'A1', 'a-b_c d', 'x'.repeat(128)]) expect(takes({ peerId }), peerId).toBe(true);
    for (const peerId of ['', '-a', 'a-', 'a--b', 'ä', 'a.b', 'x'.repeat(129), null])
      expect(takes({ peerId }), String(peerId)).toBe(false);
  });

  it('take a username of 1 to 64 characters, and none for Anonymous', () => {
    for (const username of ['x', 'x'.repeat(64), '名前']) expect(takes({ username }), username).toBe(true);
    for (const username of ['', 'x'.repeat(65), 'a\tb', 5]) expect(takes({ username }), String(username)).toBe(false);
    const { username: _, ...nameless } = join;
    expect(clientEvents['call:join'].parse(nameless).username).toBe('Anonymous');
    expect(clientEvents['call:join'].parse({ ...join, username: null }).username).toBe('Anonymous');
  });

  it('take signals of at most 64 KiB and 32 levels', () => {
    const deep = (levels: number): unknown => JSON.parse('{"a":'.repeat(levels) + '1' + '}'.repeat(levels));
    for (const signal of [{ type: 'offer', sdp: 'v=0' }, {}, 'text', 'x'.repeat(65_536), deep(32)])
      expect(carries(signal)).toBe(true);
    for (const signal of ['', 'x'.repeat(65_537), { sdp: 'x'.repeat(65_536) }, deep(33), [], 5, null, Buffer.from('x')])
      expect(carries(signal)).toBe(false);
  });

  it('drop what nobody asked for', () => {
    const parsed = clientEvents['call:join'].parse({ ...join, isMuted: false, ['__proto__']: { admin: true } });
    expect(Object.keys(parsed).sort()).toEqual(['meetingId', 'peerId', 'userId', 'username']);
  });
});

describe('the types', () => {
  type CallSocket = Socket<ServerToClientEvents, ClientToServerEvents>;

  it('forbid misspelt events and wrong payloads', () => {
    const misuse = (socket: CallSocket) => {
      // @ts-expect-error: no such event
      socket.emit('call:jion', join);
      // @ts-expect-error: a field is missing
      socket.emit('call:mute', { meetingId: 'm' });
      // @ts-expect-error: no such event
      socket.on('call:peer-went', () => undefined);
      socket.emit('call:join', join, (answer) => {
        if (answer.success) expectTypeOf(answer.data).toEqualTypeOf<Replies['call:join']>();
      });
    };
    expectTypeOf(misuse).toBeFunction();
  });
});

import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createIceResolver } from '../src/ice';

describe('ICE servers', () => {
  it('lists STUN servers one by one', () => {
    const resolve = createIceResolver({ stunUrls: ['stun:a:1', 'stun:b:2'] });
    expect(resolve('ada')).toEqual([{ urls: 'stun:a:1' }, { urls: 'stun:b:2' }]);
  });

  it('can list none', () => {
    expect(createIceResolver({ stunUrls: [] })('ada')).toEqual([]);
  });

  it('offers a TURN server with fixed credentials over STUN, TURN and TLS', () => {
    const turnServer = { host: 'turn.example:3478', username: 'user', credential: 'pass' };
    const login = { username: 'user', credential: 'pass' };
    expect(createIceResolver({ stunUrls: [], turnServer })('ada')).toEqual([
      { urls: 'stun:turn.example:3478' },
      { urls: 'turn:turn.example:3478', ...login },
      { urls: 'turns:turn.example:443', ...login },
    ]);
  });

  it('makes TURN credentials that expire', () => {
    const turnRest = { urls: ['turn:t:3478', 'turns:t:5349'], secret: 'shared', ttlSeconds: 600 };
    const resolve = createIceResolver({ stunUrls: ['stun:s:1'], turnRest, clock: () => 1_000_000 });
    const username = '1600:ada';
    const credential = createHmac('sha1', 'shared').update(username).digest('base64');
    expect(resolve('ada')).toEqual([
      { urls: 'stun:s:1' },
      { urls: 'turn:t:3478', username, credential },
      { urls: 'turns:t:5349', username, credential },
    ]);
  });
});

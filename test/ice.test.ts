import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createIceResolver } from '../src/ice';

describe('ICE servers', () => {
  it('list STUN servers one by one', () => {
    const resolver = createIceResolver({ stunUrls: ['stun:a:1', 'stun:b:2'] });
    expect(resolver.forParticipant('ada')).toEqual([{ urls: 'stun:a:1' }, { urls: 'stun:b:2' }]);
    expect(resolver.forVisitor('ada')).toEqual(resolver.forParticipant('ada'));
    expect(resolver.needsSeat).toBe(false);
  });

  it('can be none', () => {
    expect(createIceResolver({ stunUrls: [] }).forParticipant('ada')).toEqual([]);
  });

  it('offer a TURN server with fixed credentials over STUN, TURN and TLS, and without a seat over STUN', () => {
    const turnServer = { host: 'turn.example:3478', username: 'user', credential: 'pass' };
    const login = { username: 'user', credential: 'pass' };
    const resolver = createIceResolver({ stunUrls: [], turnServer });
    expect(resolver.forParticipant('ada')).toEqual([
      { urls: 'stun:turn.example:3478' },
      { urls: 'turn:turn.example:3478', ...login },
      { urls: 'turns:turn.example:443', ...login },
    ]);
    expect(resolver.forVisitor('ada')).toEqual([{ urls: 'stun:turn.example:3478' }]);
    expect(resolver.needsSeat).toBe(true);
  });

  describe('with TURN credentials that expire', () => {
    const turnRest = { urls: ['turn:t:3478', 'turns:t:5349'], secret: 'shared', ttlSeconds: 600 };
    const options = { stunUrls: ['stun:s:1'], turnRest, clock: () => 1_000_000 };
    const resolver = createIceResolver(options);
    const usernameOf = (userId: string) => resolver.forParticipant(userId)[1]?.username ?? '';

    it('sign an expiry time and an opaque, stable user part', () => {
      const username = usernameOf('ada');
      expect(username).toMatch(/^1600:[\w-]{22}$/);
      const credential = createHmac('sha1', 'shared').update(username).digest('base64');
      expect(resolver.forParticipant('ada')).toEqual([
        { urls: 'stun:s:1' },
        { urls: 'turn:t:3478', username, credential },
        { urls: 'turns:t:5349', username, credential },
      ]);
      expect(usernameOf('ada')).toBe(username);
      expect(usernameOf('bob')).not.toBe(username);
    });

    it('have no user part from which somebody could make credentials', () => {
      const forged = '9999999999:mallory';
      const credential = createHmac('sha1', 'shared').update(forged).digest('base64url');
      expect(credential).not.toContain(usernameOf(forged).slice('1600:'.length));
    });

    it('[R20] give them to participants only, unless TURN_OPEN is on', () => {
      expect(resolver.forVisitor('ada')).toEqual([{ urls: 'stun:s:1' }]);
      expect(resolver.needsSeat).toBe(true);
      const open = createIceResolver({ ...options, turnOpen: true });
      expect(open.forVisitor('ada')).toEqual(resolver.forParticipant('ada'));
      expect(open.needsSeat).toBe(false);
    });
  });
});

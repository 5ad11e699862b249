// The others in a call, as an app sees them: new objects for what changed, the same for what did not.

import { expect, it, vi } from 'vitest';
import { Roster } from '../../src/client/roster';

const ADA = {
  userId: 'ada',
  peerId: 'peer-ada',
  username: 'Ada',
  isMuted: true,
  isVideoOn: false,
  reconnecting: false,
};

function roster() {
  const listener = { joined: vi.fn(), left: vi.fn(), changed: vi.fn() };
  return { roster: new Roster(listener), listener };
}

it('tells of somebody new once, and of a return only what changed', () => {
  const { roster: others, listener } = roster();
  others.put(ADA);
  others.put(ADA);
  expect(listener.joined).toHaveBeenCalledOnce();
  expect(listener.changed).not.toHaveBeenCalled();
  others.put({ ...ADA, peerId: 'peer-2' });
  expect(listener.changed.mock.calls).toMatchObject([[{ peerId: 'peer-2' }, { peerId: 'peer-ada' }]]);
});

it('gives the same objects until something changes', () => {
  const { roster: others } = roster();
  others.put(ADA);
  const before = others.all();
  others.update('ada', { isMuted: true });
  expect(others.all()).toBe(before);
  others.update('ada', { isMuted: false });
  expect(others.all()).not.toBe(before);
  expect(before[0]?.isMuted).toBe(true);
  expect(others.all()[0]?.isMuted).toBe(false);
});

it('tells of a departure once, with who it was and why, and nothing of who is not there', () => {
  const { roster: others, listener } = roster();
  others.put(ADA);
  others.remove('ada', 'lost');
  others.remove('ada', 'left');
  others.update('ada', { isMuted: false });
  expect(listener.left.mock.calls).toMatchObject([[{ userId: 'ada' }, 'lost']]);
  expect(listener.changed).not.toHaveBeenCalled();
  expect(others.all()).toEqual([]);
});

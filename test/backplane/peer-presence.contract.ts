// What every memory of the broker's connections owes.

import { describe, expect, it } from 'vitest';
import type { PeerPresence } from '../../src/directory';

export function describePeerPresence(name: string, create: () => Promise<PeerPresence> | PeerPresence): void {
  describe(`PeerPresence: ${name}`, () => {
    it('knows who is online', async () => {
      const presence = await create();
      await presence.arrive('ada', 'token');
      await presence.arrive('bob', 'token');
      await presence.depart('bob');
      expect(await presence.online(['ada', 'bob', 'eve'])).toEqual(new Set(['ada']));
      expect(await presence.all()).toEqual(['ada']);
    });

    it('remembers the token of who is gone, until it is forgotten', async () => {
      const presence = await create();
      await presence.arrive('ada', 'secret');
      await presence.depart('ada');
      expect(await presence.token('ada')).toBe('secret');
      await presence.forget('ada');
      expect(await presence.token('ada')).toBeUndefined();
    });

    it('does not forget who is online', async () => {
      const presence = await create();
      await presence.arrive('ada', 'secret');
      await presence.forget('ada');
      expect(await presence.token('ada')).toBe('secret');
      await presence.depart('nobody');
      expect(await presence.all()).toEqual(['ada']);
    });
  });
}

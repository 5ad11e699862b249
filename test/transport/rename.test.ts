// Renaming during a call, over real sockets.

import { expect, it } from 'vitest';
import { connect, fence, get, participant, refused, self, startServer, taken } from '../helpers';

it('[R17] a rename reaches everybody in the call, and changes nothing else', async () => {
  const { url } = await startServer();
  const ada = await participant(url, { userId: 'ada' });
  const bob = await participant(url, { userId: 'bob' });
  taken(await ada.ask('call:unmute', self(ada)));
  const renamed = taken(await ada.ask('call:rename', { ...self(ada), username: 'Countess\u202e' }));
  expect(renamed).toMatchObject({ userId: 'ada', peerId: 'peer-ada', username: 'Countess' });
  for (const client of [ada, bob])
    expect(await client.next('call:peer-renamed')).toMatchObject({ userId: 'ada', username: 'Countess' });
  const { body } = await get(`${url}/api/call/room/meeting`);
  expect(body.data).toMatchObject({ users: [{ username: 'Countess', isMuted: false }, { username: 'bob' }] });
  taken(await ada.ask('call:mute', self(ada)));
  expect((await bob.next('call:mute-status')).username).toBe('ada');
  expect((await bob.next('call:mute-status')).username).toBe('Countess');
  await fence(ada, bob);
  expect(bob.rest('call:peer-left', 'call:peer-joined', 'call:peer-renamed')).toEqual([]);
});

it('[R17] a rename to the present name is answered, and nobody gets an event', async () => {
  const { url } = await startServer();
  const ada = await participant(url, { userId: 'ada' });
  const bob = await participant(url, { userId: 'bob' });
  for (let round = 0; round < 2; round += 1)
    taken(await ada.ask('call:rename', { ...self(ada), username: 'Countess' }));
  await bob.next('call:peer-renamed');
  await fence(ada, bob);
  expect(bob.rest('call:peer-renamed')).toEqual([]);
});

it('[R17] a connection renames only its own participant', async () => {
  const { url } = await startServer();
  const ada = await participant(url, { userId: 'ada' });
  const stranger = await connect(url);
  expect(refused(await stranger.ask('call:rename', { ...self(ada), username: 'x' }))).toBe('NOT_IN_CALL');
  const bob = await participant(url, { userId: 'bob' });
  expect(refused(await bob.ask('call:rename', { ...self(ada), username: 'x' }))).toBe('FORBIDDEN');
  for (const username of [undefined, null, '', 'x'.repeat(65), 5, 'a\nb'])
    expect(refused(await bob.askWildly('call:rename', { ...self(bob), username }))).toBe('INVALID_PAYLOAD');
  await fence(bob, ada);
  expect(ada.rest('call:peer-renamed')).toEqual([]);
});

// Ids and names with characters that a reader cannot see, over Socket.IO and REST.

import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { connect, get, joinAs, participant, refused, startServer } from '../helpers';

const HIDDEN = ['\u202e', '\u2066', '\u200b', '\u200d', '\ufeff', '\ud800', '\udc00'];

it.each(['meetingId', 'userId'])('[R18] a %s with hidden characters is refused', async (field) => {
  const { url } = await startServer();
  const ada = await connect(url);
  const request = { meetingId: 'meeting', userId: 'ada', peerId: 'peer-ada' };
  for (const hidden of HIDDEN) {
    const changed = { ...request, [field]: `a${hidden}b` };
    expect(refused(await ada.ask('call:join', changed)), JSON.stringify(changed)).toBe('INVALID_PAYLOAD');
    expect(refused(await ada.ask('call:mute', changed)), JSON.stringify(changed)).toBe('INVALID_PAYLOAD');
  }
});

it('[R18] a meeting id with hidden characters is refused by REST', async () => {
  const { url } = await startServer();
  for (const hidden of ['%E2%80%AE', '%E2%80%8B', '%EF%BB%BF', '%ED%A0%80', '%E2%80%A8']) {
    const { status, body } = await get(`${url}/api/call/room/a${hidden}b`);
    expect([status, body.code], hidden).toEqual([400, 'INVALID_PAYLOAD']);
  }
});

it('[R18] names are cleaned before anybody gets them', async () => {
  const { url } = await startServer();
  const ada = await participant(url, { userId: 'ada' });
  const bob = await joinAs(await connect(url), {
    userId: 'bob',
    username: '\u202eB\u200bo\u0335\u0336\u0337\u0338\u0335b\ud800',
  });
  const name = 'Bo\u0335\u0336\u0337\u0338b';
  expect(bob.joined.self.username).toBe(name);
  expect((await ada.next('call:peer-joined')).username).toBe(name);
  const { body } = await get(`${url}/api/call/room/meeting`);
  expect(body.data).toMatchObject({ users: [{ username: 'ada' }, { username: name }] });
  const eve = await joinAs(await connect(url), { userId: 'eve', username: '\u200b\u202e' });
  expect(eve.joined.self.username).toBe('Anonymous');
});

it('[R18] hidden characters never get into the log', async () => {
  let logged = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      logged += chunk.toString();
      done();
    },
  });
  const { url } = await startServer({ log: pino({ level: 'trace' }, stream) });
  const ada = await connect(url);
  for (const hidden of HIDDEN) {
    const evil = `a${hidden}b`;
    await ada.askWildly(evil, { meetingId: evil });
    await ada.askWildly('call:join', { meetingId: evil, userId: evil, peerId: evil, username: evil });
    await ada.askWildly('call:join', { meetingId: 'm', userId: 'ada', peerId: 'p', username: evil });
  }
  expect(logged).toContain('refused');
  expect(/[\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\p{Cs}]|\\ud/u.test(logged)).toBe(false);
});

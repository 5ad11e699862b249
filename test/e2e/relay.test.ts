// Calls through a real TURN server, with the credentials that the call server gives out.

import { expect, test } from 'vitest';
import { allHearAll, Stage, unmuteAll } from './browser';
import { credentialsUntil, startCoturn } from './coturn';

const HOUR = 3_600_000;
const RELAY_ONLY = { iceTransportPolicy: 'relay' } as const;

test('two people hear each other through the relay alone', async () => {
  const coturn = await startCoturn();
  const stage = await Stage.open();
  const { url } = await stage.serve({ turnRest: { urls: [coturn.url], secret: coturn.secret, ttlSeconds: 3600 } });

  const alice = await stage.enter(url, 'alice', { rtc: RELAY_ONLY });
  const bob = await stage.enter(url, 'bob', { rtc: RELAY_ONLY });
  await unmuteAll([alice, bob]);
  await allHearAll([alice, bob]);

  expect(await alice.readings()).toMatchObject([{ path: ['relay', 'relay'] }]);
  expect(await bob.readings()).toMatchObject([{ path: ['relay', 'relay'] }]);
});

test('the relay refuses credentials that have expired', async () => {
  const coturn = await startCoturn();
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await stage.enter(url, 'alice');

  const valid = credentialsUntil(new Date(Date.now() + HOUR), coturn);
  const expired = credentialsUntil(new Date(Date.now() - HOUR), coturn);
  const gathered = await alice.gather({ ...RELAY_ONLY, iceServers: [valid] });
  const refused = await alice.gather({ ...RELAY_ONLY, iceServers: [expired] });
  expect(new Set(gathered.candidates)).toEqual(new Set(['relay']));
  expect(gathered.errors).not.toContain(401);
  expect(refused.candidates).toEqual([]);
  expect(refused.errors).toContain(401);
});

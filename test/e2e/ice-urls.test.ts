// Chromium creates a connection with every ICE server that the configuration accepts. Rule D11.

import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config';
import { createIceResolver } from '../../src/ice';
import type { IceServer } from '../../src/protocol';
import { ACCEPTED_HOSTS, ACCEPTED_STUN_URLS, ACCEPTED_TURN_URLS, REFUSED } from '../config/ice-urls';
import { Stage } from './browser';

/** Configures every server alone, and returns what clients get. */
function configured(): IceServer[][] {
  const login = { TURN_USERNAME: 'ü'.repeat(254), TURN_CREDENTIAL: ' "\\' };
  const environments: Record<string, string>[] = [
    ...ACCEPTED_STUN_URLS.map(([url]) => ({ STUN_URLS: url })),
    ...ACCEPTED_TURN_URLS.map(([url]) => ({ TURN_URLS: url, TURN_SECRET: 'secret' })),
    ...ACCEPTED_HOSTS.map(([host]) => ({ TURN_SERVER_URL: host, ...login })),
  ];
  return environments.map((env) => createIceResolver(loadConfig(env)).forParticipant('ada'));
}

it('[D11] Chromium accepts every STUN and TURN server that the configuration accepts', async () => {
  const { page } = await (await Stage.open()).openPage('ada');
  const errorsOf = (iceServers: IceServer[][]) =>
    page.evaluate(
      (servers) =>
        servers.map((each) => {
          try {
            new RTCPeerConnection({ iceServers: each }).close();
            return undefined;
          } catch (error) {
            return `${JSON.stringify(each)}: ${String(error)}`;
          }
        }),
      iceServers,
    );
  expect((await errorsOf(configured())).filter((error) => error !== undefined)).toEqual([]);

  // The page can tell: it does get errors for the URLs of the reports.
  const login = { username: 'u', credential: 'c' };
  const reported = ['stun:h?transport=udp', 'turn://h', 'turn:h:99999', 'turn:h?transport=tcp&x=1'];
  expect([...REFUSED.STUN_URLS, ...REFUSED.TURN_URLS]).toEqual(expect.arrayContaining(reported));
  for (const error of await errorsOf(reported.map((urls) => [{ urls, ...login }])))
    expect(error).toContain('SyntaxError');
});

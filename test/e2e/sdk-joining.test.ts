// Joining with the SDK: server URLs that cannot work, and two requests for the same call.

import { expect, test, vi } from 'vitest';
import type { CallError, CallOptions } from '../../src/client';
import { MEETING, roster, Stage } from './browser';
import { begin, SdkCaller } from './sdk';
import { connect, DEADLINE_MS, get, refused } from '../helpers';

test('[C16] a join with an unusable server URL rejects with INVALID_URL, and the call is left', async () => {
  const stage = await Stage.open();
  const caller = new SdkCaller(await stage.visit(`${stage.origin}/sdk`, 'alice'));
  for (const url of ['localhost:5000', '', 'ftp://calls.example']) {
    await caller.begin({ url, meetingId: MEETING, userId: 'alice' });
    await caller.reaches('left');
    expect((await caller.snapshot()).error, url).toMatchObject({ code: 'INVALID_URL' });
    const code = await caller.page.evaluate(
      (url) =>
        window.sdk
          .joinCall({ url, meetingId: 'm', userId: 'u', audio: false })
          .then(() => 'joined')
          .catch((error: unknown) => (error as CallError).code),
      url,
    );
    expect(code, url).toBe('INVALID_URL');
  }
});

test('[C16] a URL that the browser blocks rejects with INVALID_URL', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const caller = new SdkCaller(await stage.visit(`${stage.origin}/sdk`, 'alice'));
  // What browsers do on a page by HTTPS when the server's URL begins with `http:`.
  await caller.page.evaluate(() => {
    const { WebSocket } = window;
    const block = () => {
      throw new DOMException('An insecure WebSocket connection may not be initiated.', 'SecurityError');
    };
    window.WebSocket = new Proxy(WebSocket, { construct: block });
  });
  await caller.begin({ url, meetingId: MEETING, userId: 'alice' });
  await caller.reaches('left');
  expect((await caller.snapshot()).error).toMatchObject({ code: 'INVALID_URL' });
});

test('[C16] a WebSocket URL with a path, and a URL object, name the server as well', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await begin(stage, url.replace('http', 'ws'), 'alice', { audio: false });
  await alice.reaches('joined');
  const state = await alice.page.evaluate(
    async ({ url, meetingId }) => {
      const call = await window.sdk.joinCall({ url: new URL(`${url}/?from=test#top`), meetingId, userId: 'bob' });
      return call.state;
    },
    { url, meetingId: MEETING },
  );
  expect(state).toBe('joined');
});

test('[C15] joinCall returns the present call of the same user and meeting until it is left', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const caller = await stage.visit(`${stage.origin}/sdk`, 'alice');
  const options: CallOptions = { url, meetingId: MEETING, userId: 'alice', audio: false };
  const seen = await caller.page.evaluate(async (options) => {
    const { joinCall } = window.sdk;
    const [first, second] = await Promise.all([joinCall(options), joinCall({ ...options, username: 'Other' })]);
    const third = await joinCall({ ...options, url: `${String(options.url)}/` });
    const otherUser = await joinCall({ ...options, userId: 'bob' });
    const otherMeeting = await joinCall({ ...options, meetingId: 'elsewhere' });
    const before = first.state;
    await first.leave();
    const again = await joinCall(options);
    return {
      same: [second, third].map((call) => call === first),
      others: [otherUser, otherMeeting, again].map((call) => call === first),
      states: [before, first.state, otherUser.state, otherMeeting.state, again.state],
    };
  }, options);
  expect(seen).toEqual({
    same: [true, true],
    others: [false, false, false],
    states: ['joined', 'left', 'joined', 'joined', 'joined'],
  });
  expect((await roster(url)).map(({ userId }) => userId).sort()).toEqual(['alice', 'bob']);
});

test('[C15] an aborted request is left before the next one begins, as an effect under StrictMode does it', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const caller = await stage.visit(`${stage.origin}/sdk`, 'alice');
  const options: CallOptions = { url, meetingId: MEETING, userId: 'alice', audio: false };
  const seen = await caller.page.evaluate(async (options) => {
    const { joinCall } = window.sdk;
    const codeOf = (error: unknown) => (error as CallError).code;
    const unmounted = new AbortController();
    const first = joinCall({ ...options, signal: unmounted.signal }).catch(codeOf);
    unmounted.abort();
    const mounted = new AbortController();
    const call = await joinCall(options);
    const same = await joinCall({ ...options, signal: mounted.signal });
    const late = await joinCall({ ...options, signal: unmounted.signal }).catch(codeOf);
    const before = call.state;
    mounted.abort();
    return { first: await first, late, isSame: call === same, states: [before, call.state] };
  }, options);
  expect(seen).toEqual({ first: 'ABORTED', late: 'ABORTED', isSame: true, states: ['joined', 'left'] });
});

test('[C15] a join that failed can be tried again', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const caller = await stage.visit(`${stage.origin}/sdk`, 'alice');
  const options: CallOptions = { url, meetingId: '', userId: 'alice', audio: false };
  const codes = await caller.page.evaluate(async (options) => {
    const codeOf = (error: unknown) => (error as CallError).code;
    const join = () => window.sdk.joinCall(options).then(() => 'joined', codeOf);
    return [await join(), await join()];
  }, options);
  expect(codes).toEqual(['INVALID_PAYLOAD', 'INVALID_PAYLOAD']);
});

test('[R19] the SDK proves its peer id, so that a stranger from the same address cannot claim it', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await begin(stage, url, 'alice', { audio: false });
  await alice.reaches('joined');
  const { peerId } = (await alice.snapshot()).self;
  await vi.waitUntil(async () => ((await nameOf(url, peerId)) as { online: boolean }).online, DEADLINE_MS);
  const stranger = await connect(url);
  // Without the token of the SDK, the same user could claim its peer id in another call.
  for (const userId of ['alice', 'eve'])
    expect(
      refused(await stranger.ask('call:join', { meetingId: 'other', userId, username: 'Your Bank', peerId })),
    ).toBe('PEER_ID_TAKEN');
  expect(await nameOf(url, peerId)).toMatchObject({ online: true, userId: 'alice' });
});

const nameOf = async (url: string, peerId: string) => (await get(`${url}/api/call/peers/${peerId}`)).body.data;

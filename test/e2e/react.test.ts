// The React hook in pages of an app under StrictMode, with real calls.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { build } from 'esbuild';
import { expect, test, vi } from 'vitest';
import { DEADLINE_MS, get } from '../helpers';
import { allHearAll, MEETING, roster, Stage, type Caller } from './browser';
import type { Ledger } from './page/ledger';
import type { RoomProps } from './page/react';
import { bundle } from './site';

const script = bundle('react.tsx');

type Room = Omit<RoomProps, 'meetingId'> & { meetingId?: string };

const show = (caller: Caller, room: Room | null) =>
  caller.page.evaluate((props) => window.app.show(props), room && { meetingId: MEETING, ...room });
/** As when a parent renders: with options that are equal, and others. */
const rerender = async (caller: Caller, room: Room) => {
  for (let times = 0; times < 3; times++) await show(caller, room);
};
const hide = (caller: Caller) => show(caller, null);
const press = (caller: Caller, name: string) => caller.page.getByRole('button', { name, exact: true }).click();
const sees = (caller: Caller, text: string) => caller.page.getByText(text, { exact: true }).waitFor();
const isAlone = (caller: Caller) => caller.page.getByRole('listitem').first().waitFor({ state: 'detached' });

/** A page of the app, without a room yet. */
async function openApp(stage: Stage, userId: string): Promise<Caller> {
  const caller = await stage.visit(`${stage.origin}/empty`, userId);
  await caller.page.addScriptTag({ content: await script });
  return caller;
}

async function openRoom(stage: Stage, room: Room): Promise<Caller> {
  const caller = await openApp(stage, room.userId);
  await show(caller, room);
  return caller;
}

/** A page with the component that docs/client.md shows. */
async function openExample(stage: Stage, server: string, userId: string): Promise<Caller> {
  const [, example = ''] = /```tsx\n(.*?)```/s.exec(readFileSync('docs/client.md', 'utf8')) ?? [];
  expect(example).toContain("'http://localhost:5000'");
  const props = JSON.stringify({ meetingId: MEETING, userId, name: `The user ${userId}` });
  const contents = `
    import { StrictMode } from 'react';
    import { createRoot } from 'react-dom/client';
    ${example.replace('http://localhost:5000', server)}
    createRoot(document.body).render(<StrictMode><Room {...${props}} /></StrictMode>);
  `;
  const { outputFiles } = await build({
    stdin: { contents, loader: 'tsx', resolveDir: process.cwd() },
    alias: { 'back-call/react': resolve('src/react/index.ts') },
    jsx: 'automatic',
    bundle: true,
    format: 'iife',
    write: false,
  });
  const caller = await stage.visit(`${stage.origin}/empty`, userId);
  await caller.page.addScriptTag({ content: outputFiles[0]?.text ?? '' });
  return caller;
}

const ledgerOf = (caller: Caller): Promise<Ledger> => caller.page.evaluate(() => window.app.ledger);

/** Settles when nothing is open in the page but what was before. */
const isBackTo = (before: Ledger, caller: Caller) =>
  vi.waitFor(async () => expect(await ledgerOf(caller)).toEqual(before), { interval: 50, timeout: DEADLINE_MS });

/** The server's word on who is in the call, once it is this. */
const isRoster = (url: string, ...userIds: string[]) =>
  vi.waitFor(async () => expect((await roster(url)).map(({ userId }) => userId)).toEqual(userIds), {
    interval: 50,
    timeout: DEADLINE_MS,
  });

/** Each call has one of Socket.IO and one of PeerJS. */
const webSocketsOf = (caller: Caller) => caller.requested.filter((address) => address.startsWith('ws:')).length;

test('two pages with the hook hear each other, know of each other, leave and come again', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await openRoom(stage, { url, userId: 'alice' });
  const bob = await openRoom(stage, { url, userId: 'bob' });
  await Promise.all([press(alice, 'Join'), press(bob, 'Join')]);
  await sees(alice, 'The user bob, muted, unseen');
  await sees(bob, 'The user alice, muted, unseen');

  await Promise.all([press(alice, 'Unmute'), press(bob, 'Unmute')]);
  await sees(alice, 'The user bob, speaking, unseen');
  await sees(bob, 'The user alice, speaking, unseen');
  await allHearAll([alice, bob]);

  await press(alice, 'Camera on');
  await sees(bob, 'The user alice, speaking, seen');
  await bob.page.waitForFunction(() => {
    const [picture] = window.app.voiceCall.remoteStreams.get('alice')?.getVideoTracks() ?? [];
    return picture?.muted === false;
  });
  await press(alice, 'Camera off');
  await press(alice, 'Mute');
  await sees(bob, 'The user alice, muted, unseen');

  await press(bob, 'Leave');
  await sees(bob, 'left');
  await isAlone(alice);
  await isRoster(url, 'alice');

  await press(bob, 'Join');
  await press(alice, 'Unmute');
  await sees(bob, 'The user alice, speaking, unseen');
  await press(bob, 'Unmute');
  await allHearAll([alice, bob]);
});

test('the component of the documentation makes a call of two', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const [alice, bob] = [await openExample(stage, url, 'alice'), await openExample(stage, url, 'bob')];
  for (const caller of [alice, bob]) {
    await press(caller, 'Join');
    await press(caller, 'Unmute');
  }
  await sees(alice, 'The user bob');
  await sees(bob, 'The user alice');
  await allHearAll([alice, bob]);
  await press(alice, 'Camera on');
  await bob.page.waitForFunction(() => (document.querySelector('video')?.videoWidth ?? 0) > 0);
  await press(bob, 'Leave');
  await alice.page.getByText('The user bob').waitFor({ state: 'detached' });
});

test('StrictMode, options written inline and joining twice at once make one call', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await openRoom(stage, { url, userId: 'alice', autoJoin: true });
  const bob = await openRoom(stage, { url, userId: 'bob' });
  await bob.page.evaluate(async () => {
    const { joinVoiceCall } = window.app.voiceCall;
    await Promise.all([joinVoiceCall(), joinVoiceCall()]);
  });
  await sees(alice, 'The user bob, muted, unseen');
  await rerender(alice, { url, userId: 'alice', autoJoin: true });
  await isRoster(url, 'alice', 'bob');

  for (const caller of [alice, bob]) {
    expect(webSocketsOf(caller), caller.userId).toBe(2);
    const calls = await caller.page.evaluate(() => new Set(window.app.rendered.map(({ call }) => call)).size);
    // None, and then one.
    expect(calls, caller.userId).toBe(2);
  }
});

test('what the hook gives is another object when something changed, with the same functions in it', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await openRoom(stage, { url, userId: 'alice', audio: false });
  await press(alice, 'Join');
  await sees(alice, 'joined');
  await rerender(alice, { url, userId: 'alice', audio: false });
  await show(alice, { url, userId: 'ada', audio: false });
  await isRoster(url, 'ada');

  const { equal, same, functions } = await alice.page.evaluate(() => {
    const { rendered } = window.app;
    const isEqual = (a: object, b: object = {}) =>
      Object.entries(a).every(([key, value]) => Object.is(value, Reflect.get(b, key)));
    return {
      equal: rendered.filter((view, index) => isEqual(view, rendered[index - 1])).length,
      same: rendered.filter((view, index) => view === rendered[index - 1]).length,
      functions: new Set(
        rendered.flatMap(({ joinVoiceCall, toggleMute, redial }) => [joinVoiceCall, toggleMute, redial]),
      ).size,
    };
  });
  expect(same).toBeGreaterThanOrEqual(3);
  expect(equal).toBe(same);
  expect(functions).toBe(3);
});

test('another user, another meeting: the old one is left, and the new one joined by whom was in a call', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const bob = await openRoom(stage, { url, userId: 'bob', autoJoin: true });
  const alice = await openRoom(stage, { url, userId: 'alice' });
  await press(alice, 'Join');
  await sees(bob, 'The user alice, muted, unseen');

  await show(alice, { url, userId: 'ada' });
  await sees(bob, 'The user ada, muted, unseen');
  await isRoster(url, 'bob', 'ada');

  await show(alice, { url, userId: 'ada', meetingId: 'elsewhere' });
  await isAlone(bob);
  await isAlone(alice);
  await sees(alice, 'joined');
  await isRoster(url, 'bob');

  await press(alice, 'Leave');
  await sees(alice, 'left');
  const before = webSocketsOf(alice);
  await show(alice, { url, userId: 'ada' });
  await sees(alice, 'idle');
  await press(alice, 'Join');
  await sees(bob, 'The user ada, muted, unseen');
  // Moving while in no call made none.
  expect(webSocketsOf(alice)).toBe(before + 2);
});

test('an automatic joining waits until it is known who joins what', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await openRoom(stage, { url, userId: '', autoJoin: true });
  await sees(alice, 'idle');
  await show(alice, { url, userId: 'alice', autoJoin: true });
  await sees(alice, 'joined');
  const errors = await alice.page.evaluate(() => window.app.rendered.map(({ error }) => error?.code));
  expect(errors.filter((code) => code !== undefined)).toEqual([]);
});

test('leaving calls joining off, and says nothing of it', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await openRoom(stage, { url, userId: 'alice' });
  const before = await ledgerOf(alice);
  await alice.page.evaluate(async () => {
    const { joinVoiceCall, leaveVoiceCall } = window.app.voiceCall;
    const joining = joinVoiceCall();
    await leaveVoiceCall();
    await joining;
  });
  await sees(alice, 'left');
  expect(await alice.page.evaluate(() => window.app.voiceCall.connectionError)).toBeNull();
  await isBackTo(before, alice);
  await isRoster(url);

  // In one breath: the last word counts.
  await alice.page.evaluate(() => {
    const { joinVoiceCall, leaveVoiceCall } = window.app.voiceCall;
    void joinVoiceCall();
    void leaveVoiceCall();
    void joinVoiceCall();
  });
  await sees(alice, 'joined');
  await isRoster(url, 'alice');
});

test('what goes wrong is a sentence on the page until it is no longer so', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve({ maxParticipants: 1, minParticipants: 1 });
  const alice = await openRoom(stage, { url, userId: 'alice' });
  const bob = await openRoom(stage, { url, userId: 'bob' });
  await bob.page.evaluate(() => {
    const { mediaDevices } = navigator;
    const allowed = mediaDevices.getUserMedia.bind(mediaDevices);
    const denied = () => Promise.reject(new DOMException('Permission denied', 'NotAllowedError'));
    const permission = { isGiven: false };
    mediaDevices.getUserMedia = (constraints) => (permission.isGiven ? allowed(constraints) : denied());
    Object.assign(window, { permission });
  });
  await press(alice, 'Join');
  await sees(alice, 'joined');
  await press(bob, 'Join');
  await sees(bob, 'The call has no free seat.');
  await sees(bob, 'left');

  await press(alice, 'Leave');
  await sees(alice, 'left');
  await press(bob, 'Join');
  await sees(bob, 'joined');
  const denied = 'The browser may not use the microphone. Allow it beside the address bar, then try again.';
  await sees(bob, denied);
  await press(bob, 'Unmute');
  await sees(bob, denied);
  await bob.page.evaluate(() =>
    Object.assign((window as unknown as { permission: object }).permission, { isGiven: true }),
  );
  await press(bob, 'Unmute');
  await sees(bob, 'Mute');
  expect(await bob.page.getByRole('alert').textContent()).toBe('');
});

test('[C16] an unusable server URL is an error on the page, and the next URL is used by the next join', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await openRoom(stage, { url: 'localhost:5000', userId: 'alice', autoJoin: true, audio: false });
  await sees(alice, 'left');
  expect(await alice.page.evaluate(() => window.app.voiceCall.error?.code)).toBe('INVALID_URL');
  expect(await alice.page.getByRole('alert').textContent()).toContain('The URL of the call server is invalid');
  await show(alice, { url, userId: 'alice', autoJoin: true, audio: false });
  await press(alice, 'Join');
  await sees(alice, 'joined');
  expect(await alice.page.getByRole('alert').textContent()).toBe('');
});

test('mounted and unmounted twenty times, at any moment, it leaves nothing behind', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const bob = await openRoom(stage, { url, userId: 'bob', autoJoin: true });
  await press(bob, 'Unmute');
  await sees(bob, 'Mute');
  const alice = await openApp(stage, 'alice');
  const before = await ledgerOf(alice);
  const alone = await ledgerOf(bob);
  const room = { url, userId: 'alice', autoJoin: true };

  const lives: ((alice: Caller) => Promise<void>)[] = [
    () => Promise.resolve(),
    (alice) => alice.page.waitForFunction(() => window.app.ledger.webSockets > 0).then(() => undefined),
    (alice) => sees(alice, 'joined'),
    async (alice) => {
      await press(alice, 'Unmute');
      await press(alice, 'Camera on');
      await alice.hears(1);
      await sees(bob, 'The user alice, speaking, seen');
      // A call that the ledger does not see could leave anything behind.
      expect(await ledgerOf(alice)).toMatchObject({ webSockets: 2, tracks: 2, audioContexts: 1, playing: 1 });
    },
  ];
  for (let times = 0; times < 5; times++)
    for (const live of lives) {
      await show(alice, room);
      await live(alice);
      await hide(alice);
    }

  await isBackTo(before, alice);
  await isRoster(url, 'bob');
  await isAlone(bob);
  await isBackTo(alone, bob);
  const { body } = await get(`${url}/api/call/stats`);
  expect(body.data).toMatchObject({ totalUsersInCalls: 1, peers: { online: 1, inCalls: 1 } });

  // Who still holds the functions of a component that is gone cannot join with them.
  await alice.page.evaluate(() => window.app.voiceCall.joinVoiceCall());
  expect(await ledgerOf(alice)).toEqual(before);
});

test('the ledger sees whatever a page leaves open', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await openApp(stage, 'alice');
  const before = await ledgerOf(alice);
  await alice.page.evaluate(async (server) => {
    const websocket = new WebSocket(`${server.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
    await new Promise((resolve) => (websocket.onopen = resolve));
    new RTCPeerConnection();
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    new AudioContext();
    const element = new Audio();
    element.srcObject = stream;
    await element.play();
    const listen = () => undefined;
    for (const target of [window, document, navigator.mediaDevices]) {
      target.addEventListener('devicechange', listen);
      target.addEventListener('devicechange', listen);
      target.addEventListener('devicechange', () => undefined, { capture: true });
      target.addEventListener('offline', listen);
      target.removeEventListener('offline', listen);
    }
    setInterval(listen, 1000);
    setTimeout(listen, 100_000);
    clearTimeout(setTimeout(listen, 100_000));
    const request = new XMLHttpRequest();
    // The server holds it until there is something to say.
    request.open('GET', `${server}/socket.io/?EIO=4&transport=polling`);
    await new Promise((resolve) => {
      request.onload = resolve;
      request.send();
    });
    const { sid } = JSON.parse(request.responseText.slice(1)) as { sid: string };
    const held = new XMLHttpRequest();
    held.open('GET', `${server}/socket.io/?EIO=4&transport=polling&sid=${sid}`);
    held.send();
  }, url);
  const leaks: Ledger = {
    webSockets: 1,
    requests: 1,
    peerConnections: 1,
    tracks: 2,
    audioContexts: 1,
    playing: 1,
    listeners: 6,
    timers: 2,
  };
  const seen = Object.entries(await ledgerOf(alice)).map(([kind, count]) => [
    kind,
    count - before[kind as keyof Ledger],
  ]);
  expect(Object.fromEntries(seen)).toEqual(leaks);
});

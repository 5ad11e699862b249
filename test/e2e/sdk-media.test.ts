// Microphones, cameras and loudspeakers of the SDK: with them, without them, and when they go.

import { expect, test, vi } from 'vitest';
import type { CallError } from '../../src/client';
import { allHearAll, MEETING, Stage, unmuteAll } from './browser';
import { begin, join, joinAll, SdkCaller, sending } from './sdk';
import { DEADLINE_MS } from '../helpers';

test('[C2] muted sends not one packet of audio, and unmuting negotiates nothing', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const [alice, bob] = (await joinAll(stage, url, 'alice', 'bob')) as [SdkCaller, SdkCaller];
  await alice.meets(1);
  await bob.meets(1);
  const described = () => bob.page.evaluate(() => window.watch.descriptions());
  const before = await described();

  // Alice speaks all the while; that bob sends nothing is known when he heard her for a second.
  await alice.unmute();
  await bob.hears(1);
  expect((await sending(bob)).audio).toEqual([0]);
  await bob.unmute();
  await alice.hears(1);
  await bob.mute();
  // Packets that Chromium encoded before he muted may still go out. After that, he sends none while he hears Alice.
  const sendsNothing = async () => {
    const { audio } = await sending(bob);
    await bob.hears(1);
    return (await sending(bob)).audio.join() === audio.join();
  };
  await vi.waitUntil(sendsNothing, { timeout: DEADLINE_MS });
  expect(await described()).toEqual(before);
});

test('[C2] a camera is seen, and put away, over the connection that there is', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const [alice, bob] = (await joinAll(stage, url, 'alice', 'bob')) as [SdkCaller, SdkCaller];
  await alice.meets(1);
  const before = await alice.page.evaluate(() => window.watch.descriptions());

  for (let round = 0; round < 2; round++) {
    await bob.page.evaluate(() => window.sdk.call().setCamera(true));
    await alice.sees('bob', { isVideoOn: true });
    const { framesDecoded } = await sending(alice);
    await vi.waitUntil(async () => (await sending(alice)).framesDecoded > framesDecoded + 10, { timeout: DEADLINE_MS });
    await bob.page.evaluate(() => window.sdk.call().setCamera(false));
    await alice.sees('bob', { isVideoOn: false });
    await bob.shows('has put the camera away', ({ self }) => self.camera.status === 'off');
  }
  expect(await alice.page.evaluate(() => window.watch.descriptions())).toEqual(before);
  expect(await alice.connectionCount()).toBe(1);
});

test('[C2] another camera is exchanged in mid-call, and a loudspeaker chosen', async () => {
  const devices = '--use-fake-device-for-media-stream';
  const stage = await Stage.open(`!${devices}`, `${devices}=device-count=2`);
  const { url } = await stage.serve();
  const [alice, bob] = (await joinAll(stage, url, 'alice', 'bob')) as [SdkCaller, SdkCaller];
  await alice.meets(1);
  await bob.page.evaluate(() => window.sdk.call().setCamera(true));
  await alice.sees('bob', { isVideoOn: true });
  const { deviceId: before } = (await bob.snapshot()).self.camera;
  const { camera, speaker } = await bob.page.evaluate(async (before) => {
    const all = await navigator.mediaDevices.enumerateDevices();
    const idOf = (kind: string) =>
      all.find((device) => device.kind === kind && device.deviceId !== before)?.deviceId ?? '';
    return { camera: idOf('videoinput'), speaker: idOf('audiooutput') };
  }, before);
  await bob.page.evaluate((deviceId) => window.sdk.call().chooseCamera(deviceId), camera);
  expect((await bob.snapshot()).self).toMatchObject({ isVideoOn: true, camera: { deviceId: camera, status: 'on' } });
  // Frames of Chromium's second fake camera are not sent, by bare WebRTC neither. What is to be sent is known all the same.
  const { label } = (await bob.snapshot()).self.camera;
  expect(await bob.page.evaluate(() => window.watch.sending())).toContain(label);
  expect(await bob.connectionCount()).toBe(1);

  await bob.page.evaluate((deviceId) => window.sdk.call().chooseSpeaker(deviceId), speaker);
  await alice.unmute();
  await bob.hears(1);
});

test.each([
  { wish: 'wants no microphone', audio: false as const, flags: [] },
  {
    wish: 'may not use the microphone',
    audio: true as const,
    flags: ['!--use-fake-ui-for-media-stream', '--deny-permission-prompts'],
    code: 'MIC_DENIED',
  },
])('[C8] who $wish hears the others', async ({ audio, flags, code }) => {
  const stage = await Stage.open();
  const quiet = await Stage.open(...flags);
  const { url } = await stage.serve({ corsOrigins: [stage.origin, quiet.origin] });
  const alice = await join(stage, url, 'alice');
  await alice.unmute();
  const bob = await join(quiet, url, 'bob', { audio });
  await bob.hears(1);
  if (code === undefined) return expect((await bob.snapshot()).self.microphone.status).toBe('off');

  await bob.happened('error', { code });
  expect((await bob.snapshot()).self).toMatchObject({
    isMuted: true,
    microphone: { status: 'failed', error: { code } },
  });
  const refusal = await bob.page.evaluate(() =>
    window.sdk
      .call()
      .unmute()
      .catch((error: unknown) => (error as CallError).code),
  );
  expect(refusal).toBe(code);
});

test('[C8] on an insecure page one hears, and is told why one cannot speak', async () => {
  const stage = await Stage.open();
  const lan = await Stage.open('--host-resolver-rules=MAP * 127.0.0.1');
  const { url } = await stage.serve({ corsOrigins: ['*'] });
  const alice = await join(stage, url, 'alice');
  await alice.unmute();

  const { port } = new URL(lan.origin);
  const bob = new SdkCaller(await lan.visit(`http://laptop.example:${port}/sdk`, 'bob'));
  await bob.begin({ url: url.replace('127.0.0.1', 'laptop.example'), meetingId: MEETING, userId: 'bob' });
  await bob.happened('error', { code: 'INSECURE_CONTEXT' });
  await bob.hears(1);
});

test('[C10] when the browser blocks sound, the app is told, and a click is enough', async () => {
  const stage = await Stage.open();
  const blocking = await Stage.open('--autoplay-policy=document-user-activation-required');
  const { url } = await stage.serve({ corsOrigins: [stage.origin, blocking.origin] });
  const alice = await join(stage, url, 'alice');
  await alice.unmute();
  // Whatever a test does on a page counts as a click. So this page begins by itself, and is left alone meanwhile.
  const options = { url, meetingId: MEETING, userId: 'bob', audio: false };
  const page = `${blocking.origin}/sdk?${new URLSearchParams({ options: JSON.stringify(options) }).toString()}`;
  const bob = new SdkCaller(await blocking.visit(page, 'bob'));
  await alice.sees('bob', { connection: 'connected' });
  await bob.happened('audio-blocked');
  expect((await bob.snapshot()).isAudioBlocked).toBe(true);

  await bob.page.evaluate(() => {
    document.documentElement.addEventListener('click', () => void window.sdk.call().resumeAudio());
  });
  await bob.page.mouse.click(10, 10);
  await bob.shows('is no longer blocked', ({ isAudioBlocked }) => !isAudioBlocked);
  await bob.hears(1);
});

test('[C2] another microphone is exchanged in mid-call, unheard of by the others', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const [alice, bob] = (await joinAll(stage, url, 'alice', 'bob')) as [SdkCaller, SdkCaller];
  await unmuteAll([alice, bob]);
  await allHearAll([alice, bob]);
  const { deviceId: before } = (await bob.snapshot()).self.microphone;
  const other = await bob.page.evaluate(async (before) => {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.find(({ kind, deviceId }) => kind === 'audioinput' && deviceId !== before)?.deviceId ?? '';
  }, before);
  await bob.page.evaluate((deviceId) => window.sdk.call().chooseMicrophone(deviceId), other);
  expect((await bob.snapshot()).self).toMatchObject({ isMuted: false, microphone: { deviceId: other, status: 'on' } });
  await allHearAll([alice, bob]);

  // One that is not there leaves the one that is.
  const refusal = await bob.page.evaluate(() =>
    window.sdk
      .call()
      .chooseMicrophone('gone')
      .catch((error: unknown) => (error as CallError).code),
  );
  expect(refusal).toBe('MIC_NOT_FOUND');
  expect((await bob.snapshot()).self).toMatchObject({ isMuted: false, microphone: { deviceId: other, status: 'on' } });
  await allHearAll([alice, bob]);
});

test('[C8] a microphone that goes in mid-call is reported, and another one takes its place', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const [alice, bob] = (await joinAll(stage, url, 'alice', 'bob')) as [SdkCaller, SdkCaller];
  await unmuteAll([alice, bob]);
  await allHearAll([alice, bob]);
  // What the browser does when a device is pulled out: the track ends, and says so.
  await bob.page.evaluate(() => {
    const [track] = window.sdk.call().self.stream?.getAudioTracks() ?? [];
    track?.stop();
    track?.dispatchEvent(new Event('ended'));
  });
  await bob.happened('device-lost');
  await bob.shows('speaks again', ({ self }) => !self.isMuted && self.microphone.status === 'on');
  await allHearAll([alice, bob]);
});

test('[C10] joining rejects with what the server says', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve({ maxParticipants: 1, minParticipants: 1 });
  await join(stage, url, 'alice');
  const bob = await begin(stage, url, 'bob');
  await bob.reaches('left');
  expect((await bob.snapshot()).error).toMatchObject({ code: 'ROOM_FULL' });

  const foreign = await stage.serve({ corsOrigins: ['http://other.example'] });
  const carol = await begin(stage, foreign.url, 'carol');
  await carol.reaches('left');
  expect((await carol.snapshot()).error).toMatchObject({ code: 'ORIGIN_NOT_ALLOWED' });

  const dave = await begin(stage, 'http://127.0.0.1:9', 'dave', { timeoutMs: 500 });
  await dave.reaches('left');
  expect((await dave.snapshot()).error).toMatchObject({ code: 'TIMEOUT' });
});

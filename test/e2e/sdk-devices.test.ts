// Devices of the SDK that are gone, come back or are interrupted, and tracks that the app made itself.

import { expect, test } from 'vitest';
import { Stage } from './browser';
import { begin, join, joinAll, type SdkCaller } from './sdk';

/** Calls a method of the page's call, and returns the code that it rejects with. */
const codeOf = (
  caller: SdkCaller,
  method: 'chooseMicrophone' | 'chooseCamera' | 'chooseSpeaker',
  deviceId: string | null,
) =>
  caller.page.evaluate(
    async ({ method, deviceId }) => {
      const call = window.sdk.call();
      return call[method](deviceId).then(
        () => 'resolved',
        (error: unknown) => (error as { code: string }).code,
      );
    },
    { method, deviceId },
  );

/** The ids of a page's devices of a kind, without the default device. */
const idsOf = (caller: SdkCaller, kind: MediaDeviceKind) =>
  caller.page.evaluate(async (kind) => {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.flatMap((device) =>
      device.kind === kind && device.deviceId !== 'default' ? [device.deviceId] : [],
    );
  }, kind);

const reports = async (caller: SdkCaller) =>
  (await caller.log())
    .filter(({ event }) => event === 'error')
    .map(({ payload }) => (payload as { code: string }).code);

/** Plugs a microphone out of the page, or back in. */
const plug = (caller: SdkCaller, deviceId: string, isThere: boolean) =>
  caller.page.evaluate(
    ({ deviceId, isThere }) => {
      const page = window as unknown as { gone: Set<string> | undefined };
      const { mediaDevices } = navigator;
      if (!page.gone) {
        const gone = (page.gone = new Set());
        const open = mediaDevices.getUserMedia.bind(mediaDevices);
        mediaDevices.getUserMedia = (constraints) => {
          const wish = (constraints?.audio as MediaTrackConstraints).deviceId as { exact: string } | undefined;
          return gone.has(wish?.exact ?? '')
            ? Promise.reject(new OverconstrainedError('deviceId', 'gone'))
            : open(constraints);
        };
      }
      if (isThere) page.gone.delete(deviceId);
      else page.gone.add(deviceId);
      mediaDevices.dispatchEvent(new Event('devicechange'));
    },
    { deviceId, isThere },
  );

test('[C13] the default devices replace saved ones that are gone, and each is reported once', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await join(stage, url, 'alice');
  const bob = await join(stage, url, 'bob', { audio: 'gone', video: 'gone', speaker: 'gone' });
  await bob.page.evaluate(() => window.sdk.call().unmute());
  await bob.page.evaluate(() => window.sdk.call().setCamera(true));
  await bob.page.evaluate(() => window.sdk.call().setCamera(false));
  await bob.page.evaluate(() => window.sdk.call().setCamera(true));
  await alice.sees('bob', { isMuted: false, isVideoOn: true });
  await alice.hears(1);
  await alice.unmute();
  await bob.hears(1);
  await bob.happened('error', { code: 'SPEAKER_FALLBACK' });
  expect((await reports(bob)).sort()).toEqual(['CAMERA_FALLBACK', 'MIC_FALLBACK', 'SPEAKER_FALLBACK']);
});

test('[C13] an empty choice is the default device', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const empty = { audio: null, video: '', speaker: null };
  for (const [userId, options] of Object.entries({ alice: empty, bob: { ...empty, audio: '', speaker: '' } })) {
    const caller = await join(stage, url, userId, options);
    await caller.unmute();
    await caller.page.evaluate(() => window.sdk.call().setCamera(true));
    for (const method of ['chooseMicrophone', 'chooseCamera', 'chooseSpeaker'] as const)
      for (const id of ['', null]) expect(await codeOf(caller, method, id), method).toBe('resolved');
    expect(await reports(caller)).toEqual([]);
  }
});

test('[C13] a device that cannot be chosen rejects, and the present one stays', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const [alice, bob] = (await joinAll(stage, url, 'alice', 'bob')) as [SdkCaller, SdkCaller];
  await bob.unmute();
  expect(await codeOf(bob, 'chooseSpeaker', 'gone')).toBe('SPEAKER_NOT_FOUND');
  expect(await codeOf(bob, 'chooseMicrophone', 'gone')).toBe('MIC_NOT_FOUND');
  // The camera is off: the choice is checked all the same.
  expect(await codeOf(bob, 'chooseCamera', 'gone')).toBe('CAMERA_NOT_FOUND');
  await bob.page.evaluate(() => window.sdk.call().setCamera(true));
  expect(await codeOf(bob, 'chooseCamera', 'gone')).toBe('CAMERA_NOT_FOUND');
  await alice.sees('bob', { isMuted: false, isVideoOn: true });
  await alice.hears(1);
  expect(await reports(bob)).toEqual([]);
});

test('[C13] a chosen microphone is used again when it is back', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await join(stage, url, 'alice');
  const bob = await join(stage, url, 'bob');
  await bob.unmute();
  const [chosen = ''] = await idsOf(bob, 'audioinput');
  expect(await codeOf(bob, 'chooseMicrophone', chosen)).toBe('resolved');
  await bob.shows('uses the chosen one', ({ self }) => self.microphone.deviceId === chosen);

  await plug(bob, chosen, false);
  await bob.page.evaluate(() => {
    const [track] = window.sdk.call().self.stream?.getAudioTracks() ?? [];
    track?.stop();
    track?.dispatchEvent(new Event('ended'));
  });
  await bob.happened('device-lost');
  await bob.shows('uses another one', ({ self }) => self.microphone.status === 'on');
  expect((await bob.snapshot()).self.microphone.deviceId).not.toBe(chosen);
  await plug(bob, chosen, true);
  await bob.shows('uses the chosen one again', ({ self }) => self.microphone.deviceId === chosen);
  expect((await bob.snapshot()).self.isMuted).toBe(false);
  await alice.hears(1);
  expect(await reports(bob)).toEqual([]);
});

test('[C13] a given track or stream is sent as it is, and never stopped', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await join(stage, url, 'alice');
  const bob = await begin(stage, url, 'bob', { audio: false });
  await bob.reaches('joined');
  const labels = await bob.page.evaluate(async () => {
    const call = window.sdk.call();
    const asked: unknown[] = [];
    const { mediaDevices } = navigator;
    mediaDevices.getUserMedia = (constraints) => {
      asked.push(constraints);
      return Promise.reject(new Error('the microphone was opened'));
    };
    const context = new AudioContext();
    const tone = new OscillatorNode(context);
    const output = context.createMediaStreamDestination();
    tone.connect(output);
    tone.start();
    const canvas = document.createElement('canvas');
    canvas.getContext('2d');
    const picture = canvas.captureStream(5);
    const [track] = output.stream.getAudioTracks();
    const codes: unknown[] = [];
    const refuses = (choosing: Promise<void>) =>
      choosing.catch((error: unknown) => codes.push((error as { code: string }).code));
    await refuses(call.chooseMicrophone(picture));
    await refuses(call.chooseMicrophone(new MediaStream()));
    await call.chooseMicrophone(output.stream);
    await call.chooseCamera(picture);
    await call.unmute();
    await call.setCamera(true);
    Object.assign(window, { track, picture, asked });
    return { codes, isSame: call.self.stream?.getAudioTracks()[0] === track, asked: asked.length };
  });
  expect(labels).toEqual({ codes: ['INVALID_TRACK', 'INVALID_TRACK'], isSame: true, asked: 0 });
  await alice.sees('bob', { isMuted: false, isVideoOn: true });
  await alice.hears(1);
  const states = await bob.page.evaluate(async () => {
    const { track, picture } = window as unknown as { track: MediaStreamTrack; picture: MediaStream };
    const call = window.sdk.call();
    await call.mute();
    await call.setCamera(false);
    await call.leave();
    return [track.readyState, track.enabled, picture.getTracks()[0]?.readyState];
  });
  expect(states).toEqual(['live', true, 'live']);
});

test('[C13] a given track that ends mutes, is reported, and is not replaced by the microphone', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const alice = await join(stage, url, 'alice');
  const bob = await join(stage, url, 'bob');
  await bob.page.evaluate(async () => {
    const stream = new AudioContext().createMediaStreamDestination().stream;
    await window.sdk.call().chooseMicrophone(stream);
    await window.sdk.call().unmute();
    Object.assign(window, { given: stream });
  });
  await alice.sees('bob', { isMuted: false });
  await bob.page.evaluate(() =>
    (window as unknown as { given: MediaStream }).given.getTracks().forEach((track) => track.stop()),
  );
  await bob.happened('device-lost');
  await bob.happened('error', { code: 'INVALID_TRACK' });
  await alice.sees('bob', { isMuted: true });
  expect((await bob.snapshot()).self).toMatchObject({ isMuted: true, microphone: { status: 'failed' } });
});

test('[C13] an interrupted microphone counts as muted for the others, and the own choice is kept', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const [alice, bob] = (await joinAll(stage, url, 'alice', 'bob')) as [SdkCaller, SdkCaller];
  const interrupt = (type: 'mute' | 'unmute') =>
    bob.page.evaluate((type) => {
      for (const track of window.sdk.call().self.stream?.getTracks() ?? []) track.dispatchEvent(new Event(type));
    }, type);
  await bob.unmute();
  await bob.page.evaluate(() => window.sdk.call().setCamera(true));
  await alice.sees('bob', { isMuted: false, isVideoOn: true });

  await interrupt('mute');
  await alice.sees('bob', { isMuted: true, isVideoOn: false });
  expect((await bob.snapshot()).self).toMatchObject({
    isMuted: false,
    isVideoOn: true,
    microphone: { status: 'on', isInterrupted: true },
    camera: { isInterrupted: true },
  });
  await interrupt('unmute');
  await alice.sees('bob', { isMuted: false, isVideoOn: true });
  await alice.hears(1);

  await interrupt('mute');
  await bob.mute();
  await interrupt('unmute');
  await alice.sees('bob', { isMuted: true, isVideoOn: true });
  expect((await bob.snapshot()).self).toMatchObject({ isMuted: true, microphone: { isInterrupted: false } });

  // Unmuted during an interruption, it is heard after it.
  await interrupt('mute');
  await bob.unmute();
  await alice.sees('bob', { isMuted: true, isVideoOn: false });
  await interrupt('unmute');
  await alice.sees('bob', { isMuted: false, isVideoOn: true });
});

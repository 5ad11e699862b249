// Audio elements of the SDK that the browser pauses or does not play.

import { expect, test } from 'vitest';
import { Stage } from './browser';
import { join, joinAll, type SdkCaller } from './sdk';

/** Lets a page keep its audio elements, to do to them what a browser does. */
const keepElements = (caller: SdkCaller) =>
  caller.page.evaluate(() => {
    const elements: HTMLAudioElement[] = [];
    const page = Object.assign(window, { elements, isRefusing: false });
    const play = Reflect.get<HTMLMediaElement, 'play'>(HTMLMediaElement.prototype, 'play');
    HTMLMediaElement.prototype.play = function () {
      if (!elements.includes(this)) elements.push(this);
      return page.isRefusing ? Promise.reject(new DOMException('not now', 'AbortError')) : play.call(this);
    };
  });

interface Page {
  elements: HTMLAudioElement[];
  isRefusing: boolean;
}

const pauseAll = (caller: SdkCaller, isRefusing: boolean) =>
  caller.page.evaluate((isRefusing) => {
    const page = window as unknown as Page;
    page.isRefusing = isRefusing;
    for (const element of page.elements) element.pause();
  }, isRefusing);

const isPlaying = (caller: SdkCaller, count: number) =>
  caller.page.waitForFunction(
    (count) => (window as unknown as Page).elements.filter(({ paused }) => !paused).length === count,
    count,
  );

async function listen(...userIds: string[]): Promise<[SdkCaller, ...SdkCaller[]]> {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const listener = await join(stage, url, 'listener', { audio: false, meetingId: 'elsewhere' });
  await keepElements(listener);
  const others = await joinAll(stage, url, ...userIds);
  for (const other of others) await other.unmute();
  await listener.begin({ url, meetingId: 'browsers', userId: 'listener', audio: false });
  await listener.meets(userIds.length);
  await isPlaying(listener, userIds.length);
  return [listener, ...others];
}

test('[C14] an element that the browser pauses is played again', async () => {
  const [listener] = await listen('alice', 'bob');
  await pauseAll(listener, false);
  await isPlaying(listener, 2);
  expect((await listener.snapshot()).isAudioBlocked).toBe(false);
  await listener.hears(2);
});

test('[C14] an element that the browser refuses to play again is blocked until it is resumed', async () => {
  const [listener] = await listen('alice');
  await pauseAll(listener, true);
  await listener.happened('audio-blocked');
  expect((await listener.snapshot()).isAudioBlocked).toBe(true);
  await listener.page.evaluate(() => {
    (window as unknown as Page).isRefusing = false;
    return window.sdk.call().resumeAudio();
  });
  await listener.shows('is not blocked', ({ isAudioBlocked }) => !isAudioBlocked);
  await isPlaying(listener, 1);
  await listener.hears(1);
});

test('[C14] a participant who leaves does not stay blocked, and the others do', async () => {
  const [listener, alice, bob] = await listen('alice', 'bob');
  await pauseAll(listener, true);
  await listener.happened('audio-blocked');
  await alice?.page.evaluate(() => window.sdk.call().leave());
  await listener.shows('is without alice', ({ participants }) => participants.length === 1);
  expect((await listener.snapshot()).isAudioBlocked).toBe(true);
  await bob?.page.evaluate(() => window.sdk.call().leave());
  await listener.shows('is not blocked', ({ isAudioBlocked }) => !isAudioBlocked);
});

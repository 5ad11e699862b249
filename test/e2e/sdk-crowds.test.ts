// Ten in a call of the SDK: as many as there may be, and as much as this machine can carry.

import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as pathOf } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { allHearAll, MEETING, Stage, unmuteAll } from './browser';
import { begin, expectOneConnectionPerPair, join, sending } from './sdk';

test('[C1] ten pages that join in the same moment make 45 connections, and hear each other', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const names = Array.from({ length: 10 }, (_, index) => `user-${index}`);
  // Ten microphones are cleaned of echo and noise by ten computers elsewhere, not by one.
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const all = await Promise.all(names.map((name) => begin(stage, url, name, { audio })));
  await Promise.all(all.map((caller) => caller.reaches('joined', 60_000)));
  await Promise.all(all.map((caller) => caller.meets(9, 60_000)));
  await unmuteAll(all);
  await allHearAll(all);
  await expectOneConnectionPerPair(all);
});

test('[C9] who is silent among ten sends at most 50 kbit/s', async () => {
  const stage = await Stage.open(`--use-file-for-fake-audio-capture=${silence()}`);
  const { url } = await stage.serve();
  const crowd = await stage.visit(`${stage.origin}/sdk`, 'crowd');
  const names = Array.from({ length: 9 }, (_, index) => `user-${index}`);
  await crowd.page.evaluate(([options, names]) => window.sdk.crowd(options, names), [
    { url, meetingId: MEETING },
    names,
  ] as const);
  const alice = await join(stage, url, 'alice');
  await alice.meets(9);
  await alice.unmute();

  // Of each of nine connections ten packets, of which DTX lets some two and a half through in a second.
  const settled = await sending(alice);
  const after = (packets: number, before: { audio: number[] }) =>
    vi.waitUntil(
      async () => {
        const now = await sending(alice);
        return now.audio.every((sent, index) => sent >= (before.audio[index] ?? 0) + packets) && now;
      },
      { timeout: 60_000, interval: 200 },
    );
  const before = await after(10, settled);
  const now = await after(10, before);
  expect(now.audio).toHaveLength(9);
  // On the wire each packet has 28 bytes more, of IP and UDP.
  const bits = 8 * (now.bytes - before.bytes + 28 * (now.packets - before.packets));
  expect(bits / (now.at - before.at)).toBeLessThanOrEqual(50);
});

/** A recording of nobody, for the fake microphone: one second of 16 bit samples. */
function silence(): string {
  const folder = mkdtempSync(pathOf(tmpdir(), 'silence-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const rate = 48_000;
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + rate * 2, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(rate * 2, 40);
  const path = pathOf(folder, 'silence.wav');
  writeFileSync(path, Buffer.concat([header, Buffer.alloc(rate * 2)]));
  return path;
}

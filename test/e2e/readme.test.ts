// The example of the README, as it stands there, in pages that bring what it says they bring.

import { readFileSync } from 'node:fs';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { allHearAll, MEETING, roster, Stage, type Caller } from './browser';

/** What a page brings to the example, and how it begins to speak. */
const OWN_CODE = `
  globalThis.microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
  globalThis.play = (peerId, stream) => {
    const audio = Object.assign(new Audio(), { srcObject: stream, autoplay: true, id: peerId });
    document.body.append(audio);
  };
  globalThis.stop = (peerId) => document.getElementById(peerId)?.remove();
`;

async function exampleFor(server: string): Promise<string> {
  const [, example = ''] = /```js\n(import Peer.*?)```/s.exec(readFileSync('README.md', 'utf8')) ?? [];
  expect(example).toContain("'http://localhost:5000'");
  const { outputFiles } = await build({
    stdin: { contents: example.replace('http://localhost:5000', server), resolveDir: process.cwd() },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}

test('the example of the README makes a call of three, in which one leaves', async () => {
  const stage = await Stage.open();
  const { url } = await stage.serve();
  const example = await exampleFor(url);
  const callers: Caller[] = [];
  for (const userId of ['alice', 'bob', 'carol']) {
    const caller = await stage.visit(`${stage.origin}/empty`, userId);
    const self = JSON.stringify({ meetingId: MEETING, userId, username: userId });
    const ownCode = `Object.assign(globalThis, ${self}); ${OWN_CODE}`;
    await caller.page.addScriptTag({ type: 'module', content: `${ownCode}\n${example}` });
    await caller.page.waitForFunction((others) => document.querySelectorAll('audio').length === others, callers.length);
    callers.push(caller);
  }
  await allHearAll(callers);
  expect((await roster(url)).map(({ userId }) => userId)).toEqual(['alice', 'bob', 'carol']);

  const [alice, bob, carol] = callers as [Caller, Caller, Caller];
  await carol.page.close();
  await alice.page.waitForFunction(() => document.querySelectorAll('audio').length === 1);
  await bob.page.waitForFunction(() => document.querySelectorAll('audio').length === 1);
});

// The scan for secrets in the log lines of all tests finds them. Rule D9.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { execPath } from 'node:process';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { dial, startServer } from './helpers';
import { guardSession, scanLog, scanning, takeFindings } from './log-scan';

describe('a log line with a secret', () => {
  it.each([
    ['TURN_SECRET', 'hush-word', 'console.error("log of hush-word")'],
    ['TURN_CREDENTIAL', 'hush-word', 'process.stdout.write("log of hush-", () => console.log("word"))'],
    ['REDIS_URL', 'redis://calls:hush-word@h', 'console.log("log of", process.env.REDIS_URL)'],
  ])('[D9] is found in the output of a process: %s', async (name, value, script) => {
    const child = spawn(execPath, ['-e', script], { env: { [name]: value } });
    child.stdout.resume();
    child.stderr.resume();
    await once(child, 'close');
    expect(takeFindings()).toEqual([expect.stringMatching(/^"hush-word" in log of .*hush-word/)]);
  });

  it('[D9] is found in what this process writes', () => {
    guardSession('hush-word');
    process.stdout.write('log of hush-word\n');
    expect(takeFindings()).toHaveLength(1);
  });

  it('[D9] is found in the log of a server, and in what a logger of the application gets', async () => {
    const { url } = await startServer();
    dial(url, { id: 'ada', token: 'hush-word' });
    for (const log of [scanLog, scanning(pino({ level: 'silent' }))]) {
      log.warn({ peerId: 'ada', inner: { err: new Error('hush-word') }, token: 'hush-word' }, 'refused');
      expect(takeFindings()).toHaveLength(1);
    }
  });
});

// The log of a process whose stdout is not read, or is read late.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { execPath } from 'node:process';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LogOutput } from '../src/log-output';
import { before, get } from './helpers';
import { freePort } from './free-port';
import { needBuild } from './need';

await needBuild();

const report = (lines: number) => `dropped ${lines}\n`;
const fail = (code: string) => {
  throw Object.assign(new Error(code), { code });
};

/** A destination that accepts `room` bytes, and `text` that it accepted. */
function pipe() {
  let text = '';
  const state = { room: 0, error: 'EAGAIN' };
  const write = (bytes: Buffer) => {
    if (state.room === 0) fail(state.error);
    const part = bytes.subarray(0, state.room);
    state.room -= part.length;
    text += part.toString();
    return part.length;
  };
  return { state, write, lines: () => text.split('\n').slice(0, -1) };
}

describe('[D10] the output of the log', () => {
  it('keeps 1 MiB for a reader that does not read, and reports the dropped lines in their place', () => {
    const { state, write, lines } = pipe();
    const output = new LogOutput(write);
    for (let n = 0; n < 3000; n += 1) output.write(`${n} ${'x'.repeat(1000)}\n`, report);
    state.room = Infinity;
    output.flushAtExit();
    output.write('after\n', report);
    const kept = lines().filter((line) => line.endsWith('x'));
    expect(kept.length).toBeGreaterThan(1000);
    expect(kept.length).toBeLessThan(1050);
    expect(kept.map((line) => parseInt(line))).toEqual(kept.map((_, index) => index));
    expect(lines().slice(kept.length)).toEqual([`dropped ${3000 - kept.length}`, 'after']);
  });

  it('continues a line of which the pipe took a part', () => {
    const { state, write, lines } = pipe();
    const output = new LogOutput(write);
    state.room = 3;
    output.write('first é\n', report);
    output.write('second\n', report);
    state.room = Infinity;
    output.flushAtExit();
    expect(lines()).toEqual(['first é', 'second']);
  });

  it.each(['EPIPE', 'ENOSPC', 'EBADF'])('drops lines after %s, and writes again when it is possible', (error) => {
    const { state, write, lines } = pipe();
    const output = new LogOutput(write);
    state.error = error;
    for (let n = 0; n < 10; n += 1) output.write('lost\n', report);
    output.flushAtExit();
    state.room = Infinity;
    output.write('lost\n', report);
    output.write('after\n', report);
    expect(lines()).toEqual(['dropped 11', 'after']);
  });
});

async function startUnread(format: string) {
  const port = await freePort();
  const { PATH = '', HOME = '' } = process.env;
  const env = {
    PATH,
    HOME,
    PORT: String(port),
    HOST: '127.0.0.1',
    STUN_URLS: '',
    // Requests for absent files are logged one by one, at this level.
    LOG_LEVEL: 'debug',
    RATE_LIMIT_REQUESTS: '1000000',
    LOG_FORMAT: format,
  };
  const child = spawn(execPath, ['dist/server.mjs'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const url = `http://127.0.0.1:${port}`;
  const exited = new Promise<number | null>((resolve) => child.on('close', resolve));
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  for (;;) if (await get(`${url}/health`).catch(() => undefined)) return { child, url, exited, ended };
}

/** Requests that are logged, with a path of 15 kB. */
async function flood(url: string, requests: number): Promise<void> {
  const target = `${url}/${'x'.repeat(15_000)}`;
  for (let n = 0; n < requests; n += 50)
    await Promise.all(Array.from({ length: 50 }, () => fetch(target).then((answer) => answer.text())));
}

describe('[D10] a server whose log is not read', () => {
  it.each(['json', 'pretty'])('drops lines in the format %s, and reports how many when it is read', async (format) => {
    const { child, url } = await startUnread(format);
    const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]);
    await flood(url, 4000);
    const first = rss();
    await flood(url, 8000);
    expect(rss() - first).toBeLessThan(60_000);
    expect((await get(`${url}/health`)).status).toBe(200);
    const reported = new Promise<string>((resolve) =>
      createInterface(child.stdout).on('line', (line) => line.includes('log lines dropped') && resolve(line)),
    );
    expect(await before(reported, () => 'the report')).toMatch(/"?lines"?.*[1-9]\d*/);
  });

  it.each(['json', 'pretty'])('ends on SIGTERM in the format %s', async (format) => {
    const { child, url, ended } = await startUnread(format);
    await flood(url, 10_000);
    child.kill('SIGTERM');
    expect(await before(ended, () => 'the process to end')).toBe(0);
  });

  it.each(['json', 'pretty'])(
    'loses no line of a reader that reads while it ends, in the format %s',
    async (format) => {
      const { child, url, exited } = await startUnread(format);
      await flood(url, 1500);
      let text = '';
      child.kill('SIGTERM');
      child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
      expect(await before(exited, () => 'the process to end')).toBe(0);
      expect(text.match(/refused/g)?.length).toBe(1500);
      expect(text).toMatch(/stopped.*\n$/);
    },
  );
});
